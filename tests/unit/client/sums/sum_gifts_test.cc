// SPDX-License-Identifier: Apache-2.0
#include "client/sums/sum_gifts.h"

#include <gtest/gtest.h>

#include "client/sums/past_sums.h"
#include "common/crypto/digest.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

class SumGiftsTest : public testing::Test {
 protected:
  static SumGift gift(RoundNumber round, AttemptNumber attempt = 1) {
    SumGift made;
    made.key = {JobId{"heart-1"}, round, attempt, TaskKind::kTrain};
    made.document = "name: heart\n\"quoted\"\n";
    made.model = sha256(as_bytes("model"));
    made.least_sites = 3;
    made.examples = 42;
    made.train_loss = 0.25;
    made.clip = 0.625;
    made.update = {1.5F, -2.0F, 0.0F};
    return made;
  }
  const std::unique_ptr<FileSystem> files_ = make_file_system(Durability::kNone);
  const TemporaryDirectory folder_;
  const SumGifts gifts_{*files_, folder_.path() + "/sums"};
};

TEST_F(SumGiftsTest, AreThereForEachAttemptOfTheirRound) {
  ASSERT_TRUE(gifts_.keep(gift(3)));
  const auto found = gifts_.find({JobId{"heart-1"}, 3, 2, TaskKind::kTrain});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->update, gift(3).update);
  EXPECT_EQ(found->document, gift(3).document);
  EXPECT_EQ(found->model, gift(3).model);
  EXPECT_EQ(found->examples, 42u);
  EXPECT_EQ(found->train_loss, 0.25);
  EXPECT_EQ(found->least_sites, 3u);
  EXPECT_EQ(found->clip, 0.625);
  EXPECT_FALSE(gifts_.find({JobId{"heart-1"}, 4, 1, TaskKind::kTrain}));
  EXPECT_FALSE(gifts_.find({JobId{"heart-1"}, 3, 1, TaskKind::kEvaluate}));
}

TEST_F(SumGiftsTest, GoWithTheirRound) {
  ASSERT_TRUE(gifts_.keep(gift(3)));
  ASSERT_TRUE(gifts_.forget_training(JobId{"heart-1"}, 2));
  EXPECT_TRUE(gifts_.find(gift(3).key));
  ASSERT_TRUE(gifts_.forget_training(JobId{"heart-1"}, 3));
  EXPECT_FALSE(gifts_.find(gift(3).key));
}

// The word that a round is committed may come after its model was judged already.
TEST_F(SumGiftsTest, AnEvaluationOutlivesTheWordThatItsRoundIsCommitted) {
  SumGift counts = gift(3);
  counts.key.kind = TaskKind::kEvaluate;
  ASSERT_TRUE(gifts_.keep(counts));
  ASSERT_TRUE(gifts_.forget_training(JobId{"heart-1"}, 3));
  EXPECT_TRUE(gifts_.find(counts.key));
  ASSERT_TRUE(gifts_.forget(gift(3).key)) << "another task";
  EXPECT_TRUE(gifts_.find(counts.key));
  ASSERT_TRUE(gifts_.forget_training(JobId{"heart-1"}, 4));
  EXPECT_FALSE(gifts_.find(counts.key));
}

TEST_F(SumGiftsTest, ADamagedFileIsNoGift) {
  ASSERT_TRUE(gifts_.keep(gift(3)));
  const std::string path = folder_.path() + "/sums/heart-1.gift";
  const Bytes whole = *files_->read(path, 1'000'000);
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    ASSERT_TRUE(files_->write_durably(path, ByteView(whole).first(size)));
    const auto found = gifts_.find(gift(3).key);
    ASSERT_FALSE(found) << size;
    EXPECT_EQ(found.error().code, ErrorCode::kDataLoss);
  }
}

TEST_F(SumGiftsTest, PastSumsOutliveTheProcessAndAreNotGuessed) {
  const std::string path = folder_.path() + "/past.json";
  const PastSumStore store(*files_, path);
  PastSum sum{{JobId{"heart-1"}, 3, 1, TaskKind::kTrain},
              sha256(as_bytes("model")),
              {SiteName{"a"}, SiteName{"b"}},
              1,
              2,
              {}};
  ASSERT_TRUE(store.add(sum));
  EXPECT_EQ(*PastSumStore(*files_, path).all(), std::vector<PastSum>{sum});
  sum.survivors = {SiteName{"a"}};
  ASSERT_TRUE(store.add(sum));
  EXPECT_EQ(*store.all(), std::vector<PastSum>{sum}) << "the same sum, now that its end is known";
  ASSERT_TRUE(files_->write_durably(path, as_bytes("[{\"model\": 5}]")));
  const auto damaged = store.all();
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().message.find(path), std::string::npos);
}

}  // namespace
}  // namespace tributary
