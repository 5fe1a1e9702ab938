// SPDX-License-Identifier: Apache-2.0
#include "client/synthetic/synthetic_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random_source.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::vector<InputColumn> kInputs = {{"a", std::nullopt, std::nullopt},
                                          {"<b>", std::nullopt, std::nullopt}};

ExampleSet rows_of(std::vector<std::int64_t> shape, std::int64_t count, std::uint64_t seed) {
  std::int64_t size = 1;
  for (const std::int64_t one : shape) size *= one;
  ExampleSet rows{std::move(shape), count, {}, {}, {}};
  SeededRandom random(seed);
  for (std::int64_t i = 0; i < count * size; ++i)
    rows.inputs.push_back(static_cast<float>(random.normal()));
  return rows;
}

std::string page_of(const std::vector<InputColumn>& inputs, const ExampleSet& training,
                    const ExampleSet& made, Detail detail, std::optional<double> epsilon = {}) {
  const ExampleSet held_out = rows_of(training.input_shape, 50, 9);
  const Likeness likeness = likeness_of(inputs, training, held_out, made);
  ReportInput input{.job = "job <1>",
                    .family = "copula",
                    .epsilon = epsilon,
                    .training = training,
                    .held_out = held_out,
                    .made = made,
                    .likeness = likeness};
  input.usefulness.push_back({"a", "auc", 0.9, 0.875, 200, 100, 50});
  const auto page = synthetic_report(input, detail);
  EXPECT_TRUE(page);
  return page ? *page : "";
}

TEST(SyntheticReport, HasAFigureForEachColumnAndSaysWhoseItIs) {
  const ExampleSet training = rows_of({2}, 200, 1);
  const std::string page =
      page_of(kInputs, training, rows_of({2}, 100, 2), Detail::kFull, std::optional(2.5));
  std::size_t figures = 0;
  for (std::size_t at = page.find("<svg"); at != std::string::npos; at = page.find("<svg", at + 1))
    ++figures;
  EXPECT_EQ(figures, 1u + 2u + 2u) << "distances, two columns, two maps";
  EXPECT_THAT(page, HasSubstr("real rows of this site"));
  EXPECT_THAT(page, HasSubstr("2.500"));
  EXPECT_THAT(page, HasSubstr("0.875"));
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("WARNING")));
  const std::string copied = page_of(kInputs, training, training, Detail::kFull);
  EXPECT_THAT(copied, HasSubstr("WARNING"));
  EXPECT_THAT(copied, HasSubstr("100.0 %"));
  EXPECT_THAT(copied, HasSubstr("does not keep records private"));
}

TEST(SyntheticReport, ASummaryHasNoFigureOfRealRows) {
  const std::string page =
      page_of(kInputs, rows_of({2}, 200, 1), rows_of({2}, 100, 2), Detail::kSummary);
  EXPECT_THAT(page, Not(HasSubstr("<svg")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("Kolmogorov-Smirnov"));
}

TEST(SyntheticReport, PicturesStandBesideEachOther) {
  const ExampleSet training = rows_of({1, 5, 4}, 30, 1), made = rows_of({1, 5, 4}, 10, 2);
  const auto images = [](const std::string& page) {
    std::size_t count = 0;
    for (std::size_t at = page.find("<img"); at != std::string::npos;
         at = page.find("<img", at + 1))
      ++count;
    return count;
  };
  EXPECT_EQ(images(page_of({}, training, made, Detail::kFull)), 2u);
  EXPECT_EQ(images(page_of({}, training, made, Detail::kSummary)), 1u) << "the made ones alone";
}

}  // namespace
}  // namespace tributary
