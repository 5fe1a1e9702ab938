// SPDX-License-Identifier: Apache-2.0
// Texts written in an evaluation, by a model whose every token follows from the source and from the
// token before.
#include "client/learning/writer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "client/learning/ngrams.h"
#include "common/domain/figures.h"

namespace tributary {
namespace {

constexpr std::int64_t kVocabulary = 20, kPlaces = 5;

// Finds most likely what stands in the source at its place plus the token before.
class Adder final : public TorchModel {
 public:
  torch::Tensor forward(const torch::Tensor& inputs) override {
    const std::int64_t source = inputs.size(1) - kPlaces;
    const torch::Tensor wanted = inputs.slice(1, 0, kPlaces) + inputs.slice(1, source);
    const torch::Tensor ids = torch::arange(kVocabulary, torch::kFloat);
    return -(wanted.unsqueeze(1) - ids.view({1, kVocabulary, 1})).abs();
  }
  torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t) override {
    return forward(inputs);
  }
  void set_training(bool) override {}
  std::unique_lock<std::mutex> seed_randomness(std::uint64_t) override { return {}; }
  void initialize(std::uint64_t) override {}
  void save(std::ostream&) override {}
  void save_state(StateWriter&) const override {}
  Status restore_state(StateReader&) override { return {}; }
};

class Writer : public testing::Test {
 protected:
  void SetUp() override {
    job_.data.target = TargetKind::kTokens;
    job_.data.classes = kVocabulary;
    job_.data.target_shape = {kPlaces};
    data_.input_shape = {10};
    data_.target_shape = {kPlaces};
    data_.rows = 2;
    // Behind the source what a training is shown; who writes does not look at it.
    data_.inputs = {4, 3, 2, 3, 4, 1, 9, 9, 9, 9, 6, 1, 2, 3, 1, 1, 9, 9, 9, 9};
    data_.labels = {5, 8, 10, 13, 17, 7, 8, 10, 13, 9};  // written is ... 13 14
  }
  Result<EvaluationCounts> written(std::int64_t rows) {
    job_.evaluation.written_rows = rows;
    EvaluationCounts counts;
    counts.examples = 2;
    counts.places = 10;
    if (const Status done = write_texts(job_, model_, data_, stop_, counts); !done)
      return done.error();
    return counts;
  }

  Adder model_;
  JobSpec job_;
  ExampleSet data_;
  std::function<bool()> stop_;
};

TEST_F(Writer, EachTokenFollowsFromThoseThatWereWritten) {
  const auto counts = written(100);
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->ngrams, (std::vector<std::uint64_t>{9, 7, 5, 3, 10, 8, 6, 4, 10, 10}));
  ASSERT_TRUE(validate_counts(*counts));
  ASSERT_TRUE(fits(*counts, job_.data));
  EXPECT_NEAR(figures_of(*counts, TargetKind::kTokens).others.at("bleu"),
              std::pow(9.0 / 10 * 7 / 8 * 5 / 6 * 3 / 4, 0.25), 1e-12);
  EXPECT_EQ(figures_of(*written(1), TargetKind::kTokens).others.at("bleu"), 1.0);
  EXPECT_EQ(data_.inputs[6], 9.0F) << "rows stay as they are";
}

TEST_F(Writer, ATextEndsWhereTheModelSaysSo) {
  data_.inputs[1] = -3;  // 5 - 3: the end
  data_.labels = {5, 6, 2, -1, -1, 7, 8, 10, 13, 9};
  const auto counts = written(1);
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->ngrams, (std::vector<std::uint64_t>{1, 0, 0, 0, 1, 0, 0, 0, 1, 2}));
}

TEST_F(Writer, WithoutASourceNothingIsWritten) {
  data_.input_shape = {kPlaces};
  const auto counts = written(1);
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(Writer, StopsBetweenTwoTokens) {
  int asked = 0;
  stop_ = [&asked] { return ++asked == 3; };
  const auto counts = written(2);
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(asked, 3);
}

// Papineni et al. 2002, section 2.1: "the" counts twice, as often as the reference has it.
TEST(Ngrams, CountNoMoreOftenThanTheReferenceHasThem) {
  const std::int64_t the = 10, cat = 11, is = 12, on = 13, mat = 14;
  std::vector<std::uint64_t> ngrams(kNgramCounts);
  count_ngrams(std::vector<std::int64_t>(7, the),
               std::vector<std::int64_t>{the, cat, is, on, the, mat}, ngrams);
  EXPECT_EQ(ngrams, (std::vector<std::uint64_t>{2, 0, 0, 0, 7, 6, 5, 4, 7, 6}));
  count_ngrams(std::vector<std::int64_t>{the, cat, is, on}, std::vector<std::int64_t>{cat, is, on},
               ngrams);
  EXPECT_EQ(ngrams, (std::vector<std::uint64_t>{5, 2, 1, 0, 11, 9, 7, 5, 11, 9}));
  EXPECT_EQ(words_of(std::vector<std::int64_t>{5, 6, 2, 7}).size(), 2u);
  EXPECT_EQ(words_of(std::vector<std::int64_t>{5, -1}).size(), 1u);
}

}  // namespace
}  // namespace tributary
