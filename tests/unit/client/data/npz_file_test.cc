// SPDX-License-Identifier: Apache-2.0
#include "client/data/npz_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "client/data/dataset.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

// One column, so that the same array may be the targets too.
TEST(NpzFile, OurLoaderReadsWhatWasWritten) {
  const auto file = npz_of({{1}, 3, {1.0F, -2.5F, 3.0F}, {}, {}}, 0.5);
  ASSERT_TRUE(file) << file.error().message;
  const TemporaryDirectory folder;
  std::ofstream(folder / "made.npz", std::ios::binary) << as_text(*file);
  DataSpec spec;
  spec.input_shape = {1};
  spec.value_scale = 0.5;
  spec.standardize = Standardize::kNone;
  spec.target = TargetKind::kRegression;
  spec.validation_fraction = 0.0;
  const PluginChoice loader = choose(
      data_loaders(), "npz", {{"path", folder / "made.npz"}, {"labels", std::string("inputs")}});
  std::string detail;
  const auto read = load_dataset({loader.name, loader.options}, spec, {}, 1, &detail);
  ASSERT_TRUE(read) << read.error().message << " " << detail;
  EXPECT_EQ(read->training.inputs, (std::vector<float>{1.0F, -2.5F, 3.0F}));
  EXPECT_EQ(read->training.targets, (std::vector<float>{2.0F, -5.0F, 6.0F})) << "as in the file";
}

TEST(NpzFile, ShapesAreNumPys) {
  const auto file = npz_of({{2, 3}, 2, RowVector<float>(12, 1.0F), {}, {}}, 1.0);
  ASSERT_TRUE(file);
  const TemporaryDirectory folder;
  std::ofstream(folder / "made.npz", std::ios::binary) << as_text(*file);
  const PluginChoice loader = choose(
      data_loaders(), "npz", {{"path", folder / "made.npz"}, {"labels", std::string("inputs")}});
  DataSpec spec;
  spec.input_shape = {2, 3};
  spec.standardize = Standardize::kNone;
  std::string detail;
  ASSERT_FALSE(load_dataset({loader.name, loader.options}, spec, {}, 1, &detail));
  EXPECT_NE(detail.find("labels one value a row"), std::string::npos) << detail;
}

}  // namespace
}  // namespace tributary
