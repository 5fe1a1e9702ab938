// SPDX-License-Identifier: Apache-2.0
// IDX and NPZ files, made here byte by byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "client/data/dataset.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kImages = std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02", 16) +
                            std::string("\x00\xff\x80\x01", 4);
const std::string kLabels = std::string("\0\0\x08\x01\0\0\0\x02", 8) + std::string("\x07\x02", 2);

class Arrays : public testing::Test {
 protected:
  void SetUp() override {
    spec_.input_shape = {1, 1, 2};
    spec_.value_scale = 1.0 / 255.0;
    spec_.target = TargetKind::kClasses;
    spec_.classes = 10;
    spec_.validation_fraction = 0.0;
    spec_.standardize = Standardize::kNone;
  }
  std::string put(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
    return directory_ / name;
  }
  Result<SiteExamples> load_idx(const std::string& images, const std::string& labels) {
    return load_dataset({"idx",
                         {{"images", images},
                          {"labels", labels},
                          {"validation_images", std::string()},
                          {"validation_labels", std::string()}}},
                        spec_, {}, 1, &detail_);
  }
  Result<SiteExamples> load_npz(const std::string& path) {
    return load_dataset({"npz",
                         {{"path", path},
                          {"inputs", std::string("inputs")},
                          {"labels", std::string("labels")},
                          {"validation_inputs", std::string()},
                          {"validation_labels", std::string()}}},
                        spec_, {}, 1, &detail_);
  }

  TemporaryDirectory directory_;
  DataSpec spec_;
  std::string detail_;
};

TEST_F(Arrays, IdxIsReadAndScaled) {
  const auto site = load_idx(put("i", kImages), put("l", kLabels));
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_THAT(site->training.inputs, ElementsAre(0.0f, 1.0f, 128.0f / 255.0f, 1.0f / 255.0f));
  EXPECT_THAT(site->training.labels, ElementsAre(7, 2));
}

TEST_F(Arrays, IdxIsReadCompressedToo) {
  const std::string path = directory_ / "i.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, kImages.data(), static_cast<unsigned>(kImages.size()));
  gzclose(file);
  EXPECT_TRUE(load_idx(path, put("l", kLabels))) << detail_;
}

TEST_F(Arrays, BrokenIdxFilesAreErrors) {
  const std::string labels = put("l", kLabels);
  EXPECT_FALSE(load_idx(put("a", kImages.substr(0, 18)), labels));
  EXPECT_THAT(detail_, HasSubstr("cut short"));
  EXPECT_FALSE(load_idx(put("b", kImages + "x"), labels));
  EXPECT_FALSE(load_idx(put("c", "hello"), labels));
  EXPECT_FALSE(load_idx(
      put("d", std::string("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16)),
      labels))
      << "a header cannot claim memory";
  EXPECT_FALSE(load_idx(directory_ / "none", labels));
  EXPECT_FALSE(load_idx(put("e", kImages), put("m", std::string("\0\0\x08\x01\0\0\0\x01\x07", 9))));
  spec_.classes = 5;
  EXPECT_FALSE(load_idx(put("f", kImages), labels)) << "label 7 of 5 classes";
  spec_.classes = 10;
  spec_.input_shape = {1, 2, 2};
  EXPECT_FALSE(load_idx(put("g", kImages), labels));
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& data) {
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size()) % 64 != 63) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + data;
}

void write_npz(const std::string& path, const std::string& inputs, const std::string& labels) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  zip_file_add(archive, "inputs.npy", zip_source_buffer(archive, inputs.data(), inputs.size(), 0),
               0);
  zip_file_add(archive, "labels.npy", zip_source_buffer(archive, labels.data(), labels.size(), 0),
               0);
  ASSERT_EQ(zip_close(archive), 0);
}

TEST_F(Arrays, NpzIsReadWithItsTypes) {
  spec_.value_scale = 1.0;
  const float values[4] = {0.5f, -1.0f, 2.0f, 3.0f};
  const std::int64_t labels[2] = {3, 9};
  write_npz(directory_ / "a.npz",
            npy("<f4", "(2, 2)", std::string(reinterpret_cast<const char*>(values), 16)),
            npy("<i8", "(2,)", std::string(reinterpret_cast<const char*>(labels), 16)));
  const auto site = load_npz(directory_ / "a.npz");
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.inputs, ElementsAre(0.5f, -1.0f, 2.0f, 3.0f));
  EXPECT_THAT(site->training.labels, ElementsAre(3, 9));
}

TEST_F(Arrays, BrokenNpzFilesAreErrors) {
  const std::string labels = npy("|u1", "(2,)", "\x01\x02");
  EXPECT_FALSE(load_npz(put("text.npz", "no zip")));
  write_npz(directory_ / "a.npz", npy("<c8", "(2, 2)", std::string(32, 'x')), labels);
  EXPECT_FALSE(load_npz(directory_ / "a.npz"));
  EXPECT_THAT(detail_, HasSubstr("not supported"));
  write_npz(directory_ / "b.npz", npy("|u1", "(2, 3)", "1234"), labels);
  EXPECT_FALSE(load_npz(directory_ / "b.npz"));
  EXPECT_THAT(detail_, HasSubstr("size of its shape"));
}

TEST_F(Arrays, RealMnistHasItsKnownSizes) {
  const std::string folder = std::string(TRIBUTARY_SOURCE_DIR) + "/../shared/data/mnist/";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "no " << folder << " here: the real MNIST files are not tested";
  spec_.input_shape = {1, 28, 28};
  const auto site =
      load_idx(folder + "train-images-idx3-ubyte.gz", folder + "train-labels-idx1-ubyte.gz");
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 60'000);
}

}  // namespace
}  // namespace tributary
