// SPDX-License-Identifier: Apache-2.0
// Texts written in an evaluation, by a module whose every token follows from the source and from
// the token before.
#include "client/learning/writer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "client/learning/learner.h"
#include "client/learning/ngrams.h"
#include "common/domain/figures.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/script_module.h"

namespace tributary {
namespace {

constexpr std::int64_t kTokens = 20;

// Finds most likely what stands in the source at its place plus the token before.
constexpr const char* kAdder = R"(
  def forward(self, x):
    wanted = x[:, 0:5] + x[:, 5:10]
    ids = torch.cumsum(self.weight, 1) - 1.0
    return -torch.abs(wanted.unsqueeze(1) - ids.unsqueeze(2))
)";

class Writer : public testing::Test {
 protected:
  void SetUp() override {
    job_.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 0.1}});
    job_.model = {"torchscript", {{"file", std::string("module.pt")}}};
    job_.data.target = TargetKind::kTokens;
    job_.data.classes = kTokens;
    job_.data.target_shape = {5};
    data_.input_shape = {10};
    data_.target_shape = {5};
    data_.rows = 2;
    // Behind the source what a training is shown; an evaluation that writes does not look at it.
    data_.inputs = {4, 3, 2, 3, 4, 1, 9, 9, 9, 9, 6, 1, 2, 3, 1, 1, 9, 9, 9, 9};
    data_.labels = {5, 8, 10, 13, 17, 7, 8, 10, 13, 9};  // written is ... 13 14
  }
  Result<EvaluationCounts> evaluated() {
    const Bytes file = file_of(linear_module(kAdder, kTokens));
    const auto model = initial_model(job_, {10}, file);
    if (!model) return model.error();
    return evaluate(job_, *model, data_, 1, file);
  }

  JobSpec job_;
  ExampleSet data_;
};

TEST_F(Writer, EachTokenFollowsFromThoseThatWereWritten) {
  job_.evaluation.written_rows = 100;
  const auto counts = evaluated();
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->ngrams, (std::vector<std::uint64_t>{9, 7, 5, 3, 10, 8, 6, 4, 10, 10}));
  ASSERT_TRUE(validate_counts(*counts));
  ASSERT_TRUE(fits(*counts, job_.data));
  EXPECT_NEAR(figures_of(*counts, TargetKind::kTokens).others.at("bleu"),
              std::pow(9.0 / 10 * 7 / 8 * 5 / 6 * 3 / 4, 0.25), 1e-12);
  job_.evaluation.written_rows = 1;
  EXPECT_EQ(figures_of(*evaluated(), TargetKind::kTokens).others.at("bleu"), 1.0);
  job_.evaluation.written_rows = 0;
  EXPECT_FALSE(figures_of(*evaluated(), TargetKind::kTokens).others.contains("bleu"));
}

TEST_F(Writer, ATextEndsWhereTheModelSaysSo) {
  job_.evaluation.written_rows = 1;
  data_.inputs[2] = 14;  // 5 + 3, 8 + 14 is none: the last id is 19
  data_.inputs[1] = -3;  // 5 - 3: the end
  data_.labels = {5, 6, 2, -1, -1, 7, 8, 10, 13, 9};
  const auto counts = evaluated();
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->ngrams, (std::vector<std::uint64_t>{1, 0, 0, 0, 1, 0, 0, 0, 1, 2}));
}

TEST_F(Writer, WithoutASourceNothingIsWritten) {
  job_.evaluation.written_rows = 1;
  job_.data.target_shape = data_.target_shape = {10};
  data_.labels.resize(20, -1);
  const auto counts = evaluated();
  ASSERT_FALSE(counts);
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
