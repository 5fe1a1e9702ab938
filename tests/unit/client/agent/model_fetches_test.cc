// SPDX-License-Identifier: Apache-2.0
#include "client/agent/model_fetches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "common/crypto/digest.h"
#include "common/tensor/model_delta.h"
#include "common/tensor/safetensors.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;

const Model kBase{{{{"w", {300}}}}, std::vector<float>(300, 1.0f)};

BlobRef ref_of(const Bytes& bytes) { return {sha256(bytes), bytes.size()}; }

OpenModel open_of(const Model& model) {
  return [&model]() -> Result<std::unique_ptr<ValueSource>> {
    return std::unique_ptr<ValueSource>(std::make_unique<ModelSource>(model));
  };
}

// Each with the files on the agent's thread, and beside it.
class Fetches : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    Model target = kBase;
    for (std::size_t i = 0; i < target.values.size(); ++i)
      target.values[i] += 0.01f * static_cast<float>(i % 7);
    Model next{kBase.layout, {}};
    ModelSource base(kBase);
    ASSERT_TRUE(write_delta(kInt8, open_of(kBase), open_of(target), 1, [this](ByteView part) {
      delta_.insert(delta_.end(), part.begin(), part.end());
      return Status();
    }));
    Model changes{kBase.layout, std::vector<float>(300)};
    for (std::size_t i = 0; i < 300; ++i) changes.values[i] = target.values[i] - 1.0f;
    // What the coordinator publishes: by the encoder that sites have for their updates.
    const Bytes same = *encode_update(kInt8, kBase.layout, changes.values, 1);
    ASSERT_EQ(same, delta_);
    ASSERT_TRUE(blobs_->put(encode_safetensors(kBase)));
    model_bytes_ = encode_safetensors(published());
  }
  // base + delta, read by hand from the file: one block of 300 values behind its scale.
  Model published() const {
    const std::size_t data = delta_.size() - 304;
    float scale = 0.0f;
    std::memcpy(&scale, delta_.data() + data, 4);
    Model model = kBase;
    for (std::size_t i = 0; i < 300; ++i) {
      const auto quantum = static_cast<std::int8_t>(delta_[data + 4 + i]);
      model.values[i] += static_cast<float>(quantum) * scale;
    }
    return model;
  }
  void run_queue() {
    while (!queue_.empty()) {
      const auto [work, then] = queue_.front();
      queue_.pop_front();
      work();
      then();
    }
  }
  // The delta has been downloaded.
  void deliver(const Bytes& bytes) {
    ASSERT_TRUE(blobs_->put(bytes));
    ASSERT_TRUE(fetches_->take(ref_of(bytes), {}));
  }
  void expect_whole_download(const BlobRef& model) {
    EXPECT_TRUE(arrived_.empty());
    ASSERT_FALSE(downloads_.empty());
    EXPECT_EQ(downloads_.back(), model);
    EXPECT_FALSE(blobs_->contains(model.digest));
    EXPECT_FALSE(blobs_->has_part(model.digest)) << "wrong bytes would be gone on with";
    EXPECT_THAT(disk_log(), testing::HasSubstr("delta.failed"));
  }
  std::string disk_log() const {
    const auto bytes = make_file_system()->read(directory_ / "log.jsonl", 1u << 20);
    return bytes ? std::string(as_text(*bytes)) : "";
  }

  static inline const EncodingChoice kInt8{.name = "int8"};
  TemporaryDirectory directory_;
  FullDisk disk_;
  std::unique_ptr<BlobStore> blobs_ = *BlobStore::open(disk_, directory_ / "blobs");
  SystemClock clock_;
  std::unique_ptr<EventLog> log_ =
      *EventLog::open({.file = directory_ / "log.jsonl", .text_fd = -1}, clock_);
  std::vector<BlobRef> downloads_, arrived_;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> queue_;
  std::unique_ptr<ModelFetches> fetches_ = std::make_unique<ModelFetches>(
      *blobs_, *log_,
      ModelFetches::Ports{[this](const BlobRef& blob) { downloads_.push_back(blob); },
                          [this](const BlobRef& model) { arrived_.push_back(model); },
                          GetParam() ? BlobTransfers::WorkQueue([this](auto work, auto then) {
                            queue_.emplace_back(std::move(work), std::move(then));
                          })
                                     : BlobTransfers::WorkQueue{}});
  Bytes delta_, model_bytes_;
};

TEST_P(Fetches, AModelComesAsWhatChangedInTheLast) {
  const BlobRef model = ref_of(model_bytes_);
  const ModelDelta delta{ref_of(encode_safetensors(kBase)).digest, ref_of(delta_)};
  ASSERT_TRUE(fetches_->fetch(model, delta));
  EXPECT_THAT(downloads_, ElementsAre(delta.blob));
  deliver(delta_);
  run_queue();
  EXPECT_THAT(arrived_, ElementsAre(model));
  EXPECT_EQ(*blobs_->read(model.digest), model_bytes_);
  EXPECT_THAT(downloads_, ElementsAre(delta.blob)) << "and nothing else";
}

TEST_P(Fetches, WithoutABaseOrADeltaItIsDownloadedWhole) {
  const BlobRef model = ref_of(model_bytes_);
  EXPECT_FALSE(fetches_->fetch(model, {}));
  EXPECT_FALSE(fetches_->fetch(model, {ref_of(delta_).digest, ref_of(delta_)}));
  EXPECT_TRUE(downloads_.empty());
}

TEST_P(Fetches, BytesOfAnotherDigestAreNotTaken) {
  Bytes other = model_bytes_;
  other.back() ^= std::byte{1};
  const BlobRef model = ref_of(other);
  const ModelDelta delta{ref_of(encode_safetensors(kBase)).digest, ref_of(delta_)};
  ASSERT_TRUE(fetches_->fetch(model, delta));
  deliver(delta_);
  run_queue();
  expect_whole_download(model);
  EXPECT_FALSE(fetches_->fetch(model, delta)) << "after the link was down, not once more";
  fetches_->drop(delta.blob.digest);
  EXPECT_TRUE(fetches_->fetch(model, delta));
}

TEST_P(Fetches, ABaseThatTheDiskChangedIsNotBuiltOn) {
  const BlobRef model = ref_of(model_bytes_);
  const Digest base = ref_of(encode_safetensors(kBase)).digest;
  Bytes rotten = encode_safetensors(kBase);
  rotten[rotten.size() - 2] ^= std::byte{1};
  ASSERT_TRUE(disk_.write_durably(blobs_->path(base), rotten));
  ASSERT_TRUE(fetches_->fetch(model, {base, ref_of(delta_)}));
  deliver(delta_);
  run_queue();
  expect_whole_download(model);
}

TEST_P(Fetches, HostileDeltasAreNotApplied) {
  const BlobRef model = ref_of(model_bytes_);
  const Digest base = ref_of(encode_safetensors(kBase)).digest;
  const Bytes half(delta_.begin(), delta_.end() - 100);
  const Layout longer{{{"w", {100'000}}}};
  for (const Bytes& wrong : {half, Bytes(9, std::byte{0xff}),
                             *encode_update({}, {{{"w", {299}}}}, std::vector<float>(299), 1),
                             *encode_update(kInt8, longer, std::vector<float>(100'000, 1.0f), 1)}) {
    ASSERT_TRUE(fetches_->fetch(model, {base, ref_of(wrong)}));
    deliver(wrong);
    run_queue();
    expect_whole_download(model);
  }
}

TEST_P(Fetches, ADeltaThatCannotBeFetchedIsNotWaitedFor) {
  const BlobRef model = ref_of(model_bytes_);
  const ModelDelta delta{ref_of(encode_safetensors(kBase)).digest, ref_of(delta_)};
  ASSERT_TRUE(fetches_->fetch(model, delta));
  EXPECT_TRUE(fetches_->take(delta.blob, make_error(ErrorCode::kNotFound, "gone")));
  expect_whole_download(model);
  EXPECT_FALSE(fetches_->take(model, {})) << "that is no delta";
}

// What had arrived of it whole, over an earlier link, is gone on with.
TEST_P(Fetches, APartOfTheModelIsGoneOnWith) {
  const BlobRef model = ref_of(model_bytes_);
  {
    const auto writer = *blobs_->receive(model);
    ASSERT_TRUE(writer->append(ByteView(model_bytes_).first(777)));
  }
  ASSERT_TRUE(fetches_->fetch(model, {ref_of(encode_safetensors(kBase)).digest, ref_of(delta_)}));
  deliver(delta_);
  run_queue();
  EXPECT_THAT(arrived_, ElementsAre(model));
  EXPECT_EQ(*blobs_->read(model.digest), model_bytes_);
}

TEST_P(Fetches, WhatNobodyWantsAnyMoreIsNotKept) {
  const BlobRef model = ref_of(model_bytes_);
  const ModelDelta delta{ref_of(encode_safetensors(kBase)).digest, ref_of(delta_)};
  ASSERT_TRUE(fetches_->fetch(model, delta));
  fetches_->drop(delta.blob.digest);
  EXPECT_FALSE(fetches_->take(delta.blob, {}));
  if (!GetParam()) return;
  ASSERT_TRUE(fetches_->fetch(model, delta));
  deliver(delta_);
  fetches_->drop(model.digest);  // it is being made
  run_queue();
  EXPECT_TRUE(arrived_.empty());
  EXPECT_FALSE(blobs_->contains(model.digest));
  ASSERT_TRUE(fetches_->fetch(model, delta));
  deliver(delta_);
  fetches_->drop(model.digest);
  EXPECT_TRUE(fetches_->fetch(model, delta)) << "wanted again meanwhile";
  run_queue();
  EXPECT_THAT(arrived_, ElementsAre(model));
}

// Jobs that differ in how their deltas are written can make the same model.
TEST_P(Fetches, TwoDeltasOfOneModelMakeItOnce) {
  const BlobRef model = ref_of(model_bytes_);
  const Digest base = ref_of(encode_safetensors(kBase)).digest;
  const Model next = published();
  Bytes other;
  ASSERT_TRUE(write_delta({.name = "fp32", .zstd = 1}, open_of(kBase), open_of(next), 1,
                          [&other](ByteView part) {
                            other.insert(other.end(), part.begin(), part.end());
                            return Status();
                          }));
  ASSERT_TRUE(fetches_->fetch(model, {base, ref_of(delta_)}));
  ASSERT_TRUE(fetches_->fetch(model, {base, ref_of(other)}));
  deliver(delta_);
  deliver(other);
  run_queue();
  ASSERT_FALSE(arrived_.empty());
  for (const BlobRef& one : arrived_) EXPECT_EQ(one, model);
  EXPECT_EQ(*blobs_->read(model.digest), model_bytes_);
}

// A coordinator that lies names one delta for two models: one of them is made, the other is not.
TEST_P(Fetches, OneDeltaForTwoModelsLeavesNeitherWaiting) {
  const BlobRef model = ref_of(model_bytes_);
  Bytes wrong = model_bytes_;
  wrong.back() ^= std::byte{1};
  const ModelDelta delta{ref_of(encode_safetensors(kBase)).digest, ref_of(delta_)};
  ASSERT_TRUE(fetches_->fetch(model, delta));
  ASSERT_TRUE(fetches_->fetch(ref_of(wrong), delta));
  deliver(delta_);
  run_queue();
  EXPECT_THAT(arrived_, ElementsAre(model));
  EXPECT_EQ(downloads_.back(), ref_of(wrong)) << "whole, from whoever may have it";
}

TEST_P(Fetches, AModelThatCameWholeMeanwhileIsKept) {
  if (!GetParam()) return;  // there is no meanwhile
  const BlobRef model = ref_of(model_bytes_);
  const ModelDelta delta{ref_of(encode_safetensors(kBase)).digest,
                         ref_of(Bytes(9, std::byte{0xff}))};
  ASSERT_TRUE(fetches_->fetch(model, delta));
  deliver(Bytes(9, std::byte{0xff}));  // no delta at all
  ASSERT_TRUE(blobs_->put(model_bytes_));
  run_queue();
  EXPECT_THAT(arrived_, ElementsAre(model));
  EXPECT_TRUE(blobs_->contains(model.digest));
}

TEST_P(Fetches, AnEndMeanwhileIsFine) {
  ASSERT_TRUE(fetches_->fetch(ref_of(model_bytes_),
                              {ref_of(encode_safetensors(kBase)).digest, ref_of(delta_)}));
  if (GetParam()) deliver(delta_);
  fetches_.reset();
  run_queue();
  EXPECT_TRUE(arrived_.empty());
}

INSTANTIATE_TEST_SUITE_P(Model, Fetches, testing::Bool());

}  // namespace
}  // namespace tributary
