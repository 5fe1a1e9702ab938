// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/model_delta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/common/tensor/encoding_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

OpenModel open_of(const Model& model) {
  return [&model]() -> Result<std::unique_ptr<ValueSource>> {
    return std::unique_ptr<ValueSource>(std::make_unique<ModelSource>(model));
  };
}

Model model_of(std::size_t count, std::uint64_t seed) {
  return {layout_of(count), normal_values(count, seed)};
}

Result<Bytes> delta_of(const EncodingChoice& choice, const Model& base, const Model& target,
                       std::uint64_t seed = 1) {
  Bytes file;
  TRIB_CHECK_OK(
      write_delta(choice, open_of(base), open_of(target), seed, [&file](ByteView part) -> Status {
        file.insert(file.end(), part.begin(), part.end());
        return {};
      }));
  return file;
}

Result<Model> applied(const Model& base, const Bytes& delta) {
  TRIB_TRY(opened, open_update(read_of(delta), delta.size()));
  ModelSource from(base);
  Model next{base.layout, {}};
  ModelSink sink(next);
  TRIB_CHECK_OK(apply_delta(from, *opened.values, sink));
  return next;
}

// One chunk, and two.
TEST(ModelDelta, IsTheUpdateThatMakesTheNextModel) {
  for (const std::size_t count : {2u, 70'001u}) {
    const Model base = model_of(count, 1), target = model_of(count, 2);
    std::vector<float> difference(count);
    for (std::size_t i = 0; i < count; ++i) difference[i] = target.values[i] - base.values[i];
    for (const EncodingChoice& choice : all_choices()) {
      SCOPED_TRACE(label(choice) + " of " + std::to_string(count));
      const auto file = delta_of(choice, base, target, 7);
      ASSERT_TRUE(file) << file.error().message;
      EXPECT_EQ(*file, *encode_update(choice, base.layout, difference, 7));
      const std::vector<float> said = *values_of(*file);
      const auto next = applied(base, *file);
      ASSERT_TRUE(next) << next.error().message;
      ASSERT_EQ(next->values.size(), count);
      for (std::size_t i = 0; i < count; ++i) {
        const auto sum =
            static_cast<float>(static_cast<double>(base.values[i]) + static_cast<double>(said[i]));
        ASSERT_EQ(next->values[i], sum) << i;
      }
    }
  }
}

TEST(ModelDelta, OnlyDeltasThatSaveSomethingAreMade) {
  EXPECT_FALSE(makes_deltas(choice_of("fp32")));
  EXPECT_TRUE(makes_deltas(choice_of("fp32", 3)));
  EXPECT_TRUE(makes_deltas(choice_of("int8")));
}

// --- what is published against the sum of all updates in float64 ---

struct Followed {
  double worst_under_way = 0.0;  // the largest distance to the sum after any round of updates
  double worst_at_the_end = 0.0;
};

Followed follow(const EncodingChoice& choice, int rounds, int quiet_rounds) {
  constexpr std::size_t kCount = 600;
  Model published = model_of(kCount, 3);
  Model target = published;
  std::vector<double> sum(published.values.begin(), published.values.end());
  const auto distance = [&] {
    double worst = 0.0;
    for (std::size_t i = 0; i < kCount; ++i)
      worst = std::max(worst, std::abs(static_cast<double>(published.values[i]) - sum[i]));
    return worst;
  };
  Followed followed;
  for (int round = 1; round <= rounds + quiet_rounds; ++round) {
    SeededRandom random(static_cast<std::uint64_t>(round));
    for (std::size_t i = 0; i < kCount && round <= rounds; ++i) {
      const double step = 0.01 * (random.normal() + 0.5);  // they do not cancel out
      sum[i] += step;
      target.values[i] = static_cast<float>(static_cast<double>(target.values[i]) + step);
    }
    published = *applied(published,
                         *delta_of(choice, published, target, static_cast<std::uint64_t>(round)));
    if (round <= rounds) followed.worst_under_way = std::max(followed.worst_under_way, distance());
  }
  followed.worst_at_the_end = distance();
  return followed;
}

TEST(ModelDelta, WhatWasLeftOutComesLater) {
  for (const EncodingChoice& choice : all_choices()) {
    SCOPED_TRACE(label(choice));
    const Followed followed = follow(choice, 100, 200);
    // 100 roundings of values below 16 to float32, and those of the deltas.
    EXPECT_LT(followed.worst_at_the_end, 100 * 0x1p-21);
    const bool sparse = choice.name == "top_k" || choice.name == "random_k";
    // A step of the encodings that round, of a largest change of about 0.05; without what was left
    // out before, it would be a hundred of them in the worst case.
    if (!sparse) {
      EXPECT_LT(followed.worst_under_way, choice.name == "int4" ? 0.02 : 1e-3);
    } else {
      EXPECT_GT(followed.worst_under_way, 0.01) << "all values are sent";
      EXPECT_LT(followed.worst_under_way, 1.0);
    }
  }
}

// --- what does not fit ---

TEST(ModelDelta, ADeltaOfAnotherModelIsRefused) {
  const Model base = model_of(500, 1), target = model_of(500, 2);
  const Bytes delta = *delta_of(choice_of("int8"), base, target);
  Model renamed = base;
  renamed.layout.tensors[0].name = "other";
  for (const Model& other : {model_of(400, 1), renamed}) {
    const auto next = applied(other, delta);
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, ErrorCode::kDataLoss);
    const auto file = delta_of(choice_of("int8"), other, target);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::kDataLoss);
  }
}

TEST(ModelDelta, AFileThatEndsTooEarlyIsRefusedWhereverItEnds) {
  const Model base = model_of(3'000, 1), target = model_of(3'000, 2);
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes delta = *delta_of(choice, base, target);
    for (std::size_t cut = 1; cut < delta.size(); cut += 97) {
      const Bytes half(delta.begin(), delta.end() - static_cast<std::ptrdiff_t>(cut));
      ASSERT_FALSE(applied(base, half)) << label(choice) << " without its last " << cut;
    }
  }
}

TEST(ModelDelta, AModelThatEndsBeforeItsLayoutIsRefused) {
  const Model base = model_of(500, 1), target = model_of(500, 2);
  const Bytes delta = *delta_of(choice_of("fp16"), base, target);
  Model cut = base;
  cut.values.resize(499);
  const auto next = applied(cut, delta);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(next.error().message, HasSubstr("ends before"));
}

TEST(ModelDelta, NoNumberIsNotWritten) {
  const Model base = model_of(500, 1);
  for (const float bad : {kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    Model target = base;
    target.values[499] = bad;
    for (const EncodingChoice& choice : all_choices()) {
      const auto file = delta_of(choice, base, target);
      ASSERT_FALSE(file) << label(choice);
      EXPECT_EQ(file.error().code, ErrorCode::kInvalidArgument);
    }
  }
}

// A fault of a disk comes out as it is.
TEST(ModelDelta, FaultsOfItsFilesAreTold) {
  const Model base = model_of(500, 1), target = model_of(500, 2);
  const Status written = write_delta(
      choice_of("top_k"), open_of(base), open_of(target), 1,
      [](ByteView) -> Status { return make_error(ErrorCode::kResourceExhausted, "full"); });
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kResourceExhausted);
  int opened = 0;
  const auto gone = [&]() -> Result<std::unique_ptr<ValueSource>> {
    if (++opened == 3) return make_error(ErrorCode::kIo, "gone");
    return open_of(target)();
  };
  const Status read = write_delta(choice_of("top_k"), open_of(base), gone, 1,
                                  [](ByteView) -> Status { return {}; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace tributary
