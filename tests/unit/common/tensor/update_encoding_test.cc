// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/update_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <numeric>
#include <set>

#include "common/tensor/encoding.h"
#include "common/tensor/safetensors.h"
#include "tests/unit/common/tensor/encoding_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(UpdateEncoding, TheTestsKnowEveryPlugin) {
  std::vector<std::string> names;
  for (const UpdateEncoding* encoding : update_encoding_table()) {
    names.emplace_back(encoding->name);
    EXPECT_FALSE(encoding->help.empty());
  }
  EXPECT_EQ(names, kEncodingNames);
}

// --- the format, byte by byte, made without our encoder ---

TEST(UpdateEncoding, Fp32IsThePlainFileOfTheModel) {
  for (const std::size_t count : {0u, 1u, 5u, 70'000u}) {
    Model model{layout_of(count), normal_values(count, 1)};
    if (count > 1) model.values[1] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(*encode_update({}, model.layout, model.values, 7), encode_safetensors(model));
  }
}

TEST(UpdateEncoding, HalvesAreAPlainFileOfTheirType) {
  const std::vector<float> values = {1.5f, -2.0f, 0.0f};
  const auto header = [](const std::string& type) {
    return R"({"w":{"dtype":")" + type + R"(","shape":[3],"data_offsets":[0,6]}})";
  };
  const Layout layout{{{"w", {3}}}};
  EXPECT_EQ(*encode_update(choice_of("fp16"), layout, values, 1),
            file_of(header("F16"), bytes_of({0x00, 0x3e, 0x00, 0xc0, 0x00, 0x00})));
  EXPECT_EQ(*encode_update(choice_of("bf16"), layout, values, 1),
            file_of(header("BF16"), bytes_of({0xc0, 0x3f, 0x00, 0xc0, 0x00, 0x00})));
}

// Exact multiples of the scale are not left to chance.
TEST(UpdateEncoding, WholeNumbersStandBehindTheirScale) {
  EncodingChoice choice = choice_of("int8");
  choice.block = 16;
  std::vector<float> values(17, 0.0f);
  values[0] = 127.0f * 0.5f;
  values[1] = -3.0f * 0.5f;
  values[16] = -127.0f * 0.25f;
  Bytes data;
  append_float(data, 0.5f);
  const Bytes quanta = bytes_of({127, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  data.insert(data.end(), quanta.begin(), quanta.end());
  append_float(data, 0.25f);
  data.push_back(std::byte{0x81});
  const Layout layout{{{"w", {17}}}};
  EXPECT_EQ(*encode_update(choice, layout, values, 1),
            encoded_file(R"({"block":16,"name":"int8"})", R"([["w",[17]]])", data));
}

TEST(UpdateEncoding, TwoOfFourBitsStandInAByteTheFirstOneLow) {
  EncodingChoice choice = choice_of("int4");
  choice.block = 16;
  Bytes data;
  append_float(data, 2.0f);
  data.push_back(std::byte{0xd7});  // 7, -3
  data.push_back(std::byte{0x09});  // -7, and none
  EXPECT_EQ(*encode_update(choice, {{{"w", {3}}}}, std::vector<float>{14.0f, -6.0f, -14.0f}, 1),
            encoded_file(R"({"block":16,"name":"int4"})", R"([["w",[3]]])", data));
}

TEST(UpdateEncoding, SparseValuesStandBehindTheirPlacesInEachChunk) {
  EncodingChoice choice = choice_of("top_k");
  choice.k = 3;
  std::vector<float> values(65'536 + 300, 0.5f);
  values[7] = -3.0f;
  values[65'535] = 2.0f;
  values[65'536 + 258] = 4.0f;
  Bytes data = bytes_of({2, 0, 0, 0, 7, 0, 255, 255});
  append_float(data, -3.0f);
  append_float(data, 2.0f);
  const Bytes second = bytes_of({1, 0, 0, 0, 2, 1});
  data.insert(data.end(), second.begin(), second.end());
  append_float(data, 4.0f);
  EXPECT_EQ(*encode_update(choice, {{{"w", {65'836}}}}, values, 1),
            encoded_file(R"({"k":3,"name":"top_k"})", R"([["w",[65836]]])", data));
}

// --- each encoding against its definition ---

// The nearest of all numbers of 16 bits, found by looking at them; of two, the even one.
std::vector<double> numbers_of(const std::function<double(std::uint32_t)>& value,
                               std::uint32_t count) {
  std::vector<double> numbers;
  for (std::uint32_t bits = 0; bits < count; ++bits) numbers.push_back(value(bits));
  return numbers;
}

double nearest(const std::vector<double>& numbers, double x) {
  const double size = std::abs(x);
  const auto above = std::ranges::lower_bound(numbers, size);
  if (above == numbers.end()) return std::copysign(numbers.back(), x);
  if (above == numbers.begin()) return std::copysign(*above, x);
  const double high = *above - size, low = size - *std::prev(above);
  const bool is_even = (above - numbers.begin()) % 2 == 0;
  return std::copysign(high < low || (high == low && is_even) ? *above : *std::prev(above), x);
}

double half_value(std::uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 10);
  const double fraction = (bits & 0x3ff) / 1024.0;
  return exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1.0 + fraction, exponent - 15);
}

double bf16_value(std::uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 7);
  const double fraction = (bits & 0x7f) / 128.0;
  return exponent == 0 ? std::ldexp(fraction, -126) : std::ldexp(1.0 + fraction, exponent - 127);
}

// Of every size, with exact halves between two numbers of 16 bits among them.
std::vector<float> values_of_all_sizes() {
  SeededRandom random(3);
  std::vector<float> values = {0.0f, -0.0f, 65504.0f, 65519.0f, 65520.0f, -7e4f, 0x1p126f, 1e-45f};
  for (int i = 0; i < 200'000; ++i) {
    auto bits = static_cast<std::uint32_t>(random.next_u64());
    if (i % 3 == 1) bits = (bits & 0xfffff000u);
    if (i % 3 == 2) bits = (bits & 0xffff8000u);
    if (i % 2 == 0) bits = (bits & 0x8fffffffu) | 0x30000000u;  // in the range of a half
    const float value = std::bit_cast<float>(bits);
    if (std::abs(value) <= 0x1p126f) values.push_back(value);
  }
  return values;
}

TEST(UpdateEncoding, HalvesAreTheNearest) {
  const std::vector<float> values = values_of_all_sizes();
  const auto expect_nearest = [&](const std::string& name, const std::vector<double>& numbers) {
    const std::vector<float> got = sent(choice_of(name), values);
    ASSERT_EQ(got.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto expected = static_cast<float>(nearest(numbers, values[i]));
      ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(expected))
          << name << " of " << values[i] << " is " << got[i] << ", not " << expected;
    }
  };
  expect_nearest("fp16", numbers_of(half_value, 0x7c00));
  expect_nearest("bf16", numbers_of(bf16_value, 0x7f80));
}

struct Quantized {
  const char* name;
  double levels;
  std::size_t block;
};
constexpr Quantized kQuantized[] = {{"int8", 127.0, 1'024}, {"int4", 7.0, 256}};

TEST(UpdateEncoding, WholeNumbersAreWithinOneStep) {
  const std::vector<float> values = normal_values(70'001, 5);
  for (const Quantized& one : kQuantized) {
    const std::vector<float> got = sent(choice_of(one.name), values);
    ASSERT_EQ(got.size(), values.size());
    for (std::size_t at = 0; at < values.size(); at += one.block) {
      const std::size_t end = std::min(at + one.block, values.size());
      double most = 0.0;
      for (std::size_t i = at; i < end; ++i) most = std::max<double>(most, std::abs(values[i]));
      const double step = most / one.levels;
      for (std::size_t i = at; i < end; ++i) {
        ASSERT_LT(std::abs(double{got[i]} - double{values[i]}), step * 1.00001) << one.name << i;
        ASSERT_LE(std::abs(double{got[i]}), most * 1.00001);
        const double level = got[i] / step;
        ASSERT_NEAR(level, std::rint(level), 1e-4);
      }
    }
  }
}

// The mean over many seeds against the value in float64, within five deviations of the mean.
TEST(UpdateEncoding, WholeNumbersAreUnbiased) {
  constexpr int kSeeds = 4'000;
  const std::vector<float> values = normal_values(64, 9);
  double most = 0.0;
  for (const float value : values) most = std::max<double>(most, std::abs(value));
  for (const Quantized& one : kQuantized) {
    std::vector<double> sums(values.size());
    for (int seed = 0; seed < kSeeds; ++seed) {
      const auto got =
          sent(choice_of(one.name), values, derive_seed(1, "t", static_cast<std::uint64_t>(seed)));
      for (std::size_t i = 0; i < got.size(); ++i) sums[i] += got[i];
    }
    const double step = most / one.levels;
    double all = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double level = std::abs(values[i]) / step;
      const double up = level - std::floor(level);
      const double deviation = step * std::sqrt(up * (1.0 - up) / kSeeds);
      const double error = sums[i] / kSeeds - double{values[i]};
      EXPECT_LE(std::abs(error), 5.0 * deviation + 1e-6 * step) << one.name << " value " << i;
      all += error / step;
    }
    EXPECT_LE(std::abs(all), 5.0 * std::sqrt(64 * 0.25 / kSeeds)) << one.name;
  }
}

// What chance does to a value depends on its place and the seed alone.
TEST(UpdateEncoding, RoundingDoesNotDependOnBlocksOrOnWhatFollows) {
  std::vector<float> values = normal_values(70'000, 5);
  for (std::size_t i = 0; i < values.size(); i += 16) values[i] = 3.0f;  // one scale in all blocks
  for (float& value : values) value = std::clamp(value, -3.0f, 3.0f);
  for (const char* name : {"int8", "int4"}) {
    EncodingChoice choice = choice_of(name);
    const auto expected = sent(choice, values, 5);
    for (const std::uint32_t block : {16u, 128u, 65'536u}) {
      choice.block = block;
      EXPECT_EQ(sent(choice, values, 5), expected) << name << " " << block;
    }
    const std::vector<float> less(values.begin(), values.begin() + 1'001);
    EXPECT_EQ(sent(choice, less, 5),
              std::vector<float>(expected.begin(), expected.begin() + 1'001));
  }
}

TEST(UpdateEncoding, TopKSendsTheLargestAndOfEqualsTheFirst) {
  for (const std::size_t count : {1u, 10u, 1'000u, 140'000u}) {
    std::vector<float> values = normal_values(count, count);
    for (std::size_t i = 0; i < count; i += 3) values[i] = i % 2 == 0 ? 0.25f : -0.25f;
    for (const std::size_t k : {std::size_t{1}, count / 3 + 1, count / 2 + 1, count}) {
      std::vector<std::size_t> order(count);
      std::iota(order.begin(), order.end(), 0u);
      std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
        return std::abs(values[a]) > std::abs(values[b]);
      });
      std::vector<float> expected(count, 0.0f);
      for (std::size_t i = 0; i < k; ++i) expected[order[i]] = values[order[i]];
      EncodingChoice choice = choice_of("top_k");
      choice.k = k;
      ASSERT_EQ(sent(choice, values), expected) << k << " of " << count;
    }
  }
}

TEST(UpdateEncoding, RandomKSendsKPlacesEachAsOftenAsAnother) {
  constexpr std::size_t kCount = 50;
  constexpr int kSeeds = 4'000;
  EncodingChoice choice = choice_of("random_k");
  choice.k = 5;
  const std::vector<float> values(kCount, 2.5f);
  std::vector<int> times(kCount);
  for (int seed = 0; seed < kSeeds; ++seed) {
    const auto got = sent(choice, values, static_cast<std::uint64_t>(seed));
    EXPECT_EQ(std::ranges::count(got, 2.5f), 5) << "as they are";
    for (std::size_t i = 0; i < kCount; ++i) times[i] += got[i] != 0.0f ? 1 : 0;
  }
  for (const int one : times) EXPECT_NEAR(one, kSeeds / 10, 5.0 * std::sqrt(kSeeds * 0.09));
  EXPECT_EQ(std::ranges::count(sent(choice_of("random_k"), normal_values(140'000, 1)), 0.0f),
            140'000 - 14'000);
}

// --- what holds for all ---

TEST(UpdateEncoding, TheSameSeedGivesTheSameBytes) {
  const std::vector<float> values = normal_values(70'001, 1);
  const Layout layout = layout_of(values.size());
  const std::set<std::string> by_chance = {"int8", "int4", "random_k"};
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes first = *encode_update(choice, layout, values, 1);
    EXPECT_EQ(*encode_update(choice, layout, values, 1), first) << label(choice);
    EXPECT_EQ(*encode_update(choice, layout, values, 2) != first, by_chance.contains(choice.name))
        << label(choice);
  }
}

TEST(UpdateEncoding, CompressionLosesNothing) {
  const std::vector<float> values = normal_values(140'001, 1);
  for (const std::string& name : kEncodingNames) {
    for (const int level : {1, 19})
      EXPECT_EQ(sent(choice_of(name, level), values), sent(choice_of(name), values)) << name;
  }
}

TEST(UpdateEncoding, FilesAreAsSmallAsTheyShouldBe) {
  const std::vector<float> values = normal_values(1 << 20, 1);
  const auto bytes_per_value = [&](EncodingChoice choice) {
    choice.ratio = 0.01;
    return static_cast<double>(encode_update(choice, layout_of(values.size()), values, 1)->size()) /
           (1 << 20);
  };
  EXPECT_NEAR(bytes_per_value(choice_of("fp16")), 2.0, 0.001);
  EXPECT_NEAR(bytes_per_value(choice_of("int8")), 1.0 + 4.0 / 1'024, 0.001);
  EXPECT_NEAR(bytes_per_value(choice_of("int4")), 0.5 + 4.0 / 256, 0.001);
  EXPECT_NEAR(bytes_per_value(choice_of("top_k")), 0.06, 0.001);
  EXPECT_LT(bytes_per_value(choice_of("int4", 3)), 0.45) << "small levels are the most frequent";
}

TEST(UpdateEncoding, ZeroTinyAndLargestValuesStayWhatTheyAre) {
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  const std::vector<std::vector<float>> updates = {{},
                                                   {0.0f},
                                                   std::vector<float>(1'000, 0.0f),
                                                   {0x1p126f, -0x1p126f, 1.0f},
                                                   {190.0f * kTiny, kTiny, -kTiny, 0.0f}};
  for (const auto& values : updates) {
    for (const EncodingChoice& choice : all_choices()) {
      const auto got = sent(choice, values);
      ASSERT_EQ(got.size(), values.size()) << label(choice);
      for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_LE(std::abs(got[i]), std::abs(values[i]) * 2.0f + 190.0f * kTiny) << label(choice);
    }
  }
}

TEST(UpdateEncoding, WhatIsNoNumberIsRefused) {
  for (const float bad : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(), 1e38f}) {
    for (const EncodingChoice& choice : all_choices()) {
      if (choice.name == "fp32") continue;
      std::vector<float> values = normal_values(20'000, 1), residual(20'000, 0.5f);
      values[19'999] = bad;
      const auto file = encode_update(choice, layout_of(20'000), values, 1);
      ASSERT_FALSE(file) << label(choice);
      EXPECT_EQ(file.error().code, ErrorCode::kInvalidArgument);
      EXPECT_THAT(file.error().message, HasSubstr("no number"));
      EXPECT_FALSE(encode_with_feedback(choice, layout_of(20'000), values, residual, 1));
      EXPECT_EQ(residual, std::vector<float>(20'000, 0.5f)) << "untouched";
    }
  }
}

TEST(UpdateEncoding, OptionsHaveTheirRanges) {
  const auto refusal = [](EncodingChoice choice) {
    const auto spec = encoding_spec(choice, 1'000);
    return spec ? std::string() : spec.error().message;
  };
  EXPECT_EQ(refusal(choice_of("int8")), "");
  EXPECT_THAT(refusal(choice_of("int9")), HasSubstr("'int9'; there are: fp32, fp16, bf16, int8"));
  for (const std::uint32_t block : {8u, 1'000u, 131'072u})
    EXPECT_THAT(refusal({.name = "int8", .block = block}), HasSubstr("power of two"));
  for (const double ratio : {0.0, -0.1, 1.1, std::nan("")})
    EXPECT_THAT(refusal({.name = "top_k", .ratio = ratio}), HasSubstr("ratio"));
  for (const int level : {-1, 20})
    EXPECT_THAT(refusal(choice_of("fp32", level)), HasSubstr("zstd"));
  EXPECT_FALSE(encode_update({.name = "int8", .block = 7}, layout_of(4), normal_values(4, 1), 1));
}

TEST(UpdateEncoding, TheSpecificationIsWhatTheFileSays) {
  const std::vector<float> values = normal_values(1'000, 1);
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes file = *encode_update(choice, layout_of(1'000), values, 1);
    const auto opened = open_update(read_of(file), file.size());
    EXPECT_EQ(opened->spec, *encoding_spec(choice, 1'000)) << describe(opened->spec);
    EXPECT_EQ(opened->values->layout(), layout_of(1'000));
  }
  EXPECT_EQ(describe(*encoding_spec(choice_of("int8", 3), 1'000)), "int8 in blocks of 1024, zstd");
  EXPECT_EQ(describe(*encoding_spec(choice_of("top_k"), 1'001)), "top_k with k = 101");
  EXPECT_EQ(encoding_spec({.name = "top_k", .k = 5'000}, 1'000)->k, 1'000u);
}

// --- error feedback ---

TEST(UpdateEncoding, WhatWasSentAndTheResidualMakeAllUpdates) {
  constexpr std::size_t kCount = 66'000;
  constexpr int kRounds = 6;
  for (const EncodingChoice& choice : all_choices()) {
    std::vector<float> residual(kCount, 0.0f);
    std::vector<double> updates(kCount), all_sent(kCount), sizes(kCount);
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::vector<float> update = normal_values(kCount, round);
      const auto file = encode_with_feedback(choice, layout_of(kCount), update, residual, round);
      ASSERT_TRUE(file) << file.error().message;
      const std::vector<float> got = *values_of(*file);
      for (std::size_t i = 0; i < kCount; ++i) {
        updates[i] += update[i];
        all_sent[i] += got[i];
        sizes[i] += std::abs(update[i]) + std::abs(got[i]) + std::abs(residual[i]);
      }
    }
    for (std::size_t i = 0; i < kCount; ++i) {
      // One rounding of the sum and one of the difference in each round.
      ASSERT_NEAR(all_sent[i] + double{residual[i]}, updates[i], 2.0 * sizes[i] * 0x1p-24)
          << label(choice);
    }
    if (choice.name == "fp32") {
      EXPECT_EQ(residual, std::vector<float>(kCount, 0.0f));
    }
  }
}

// A file with feedback is that of the sum; a sparse one leaves exact zeros and exact rests.
TEST(UpdateEncoding, TheResidualIsWhatTheFileLacks) {
  const std::vector<float> update = normal_values(1'000, 1), before = normal_values(1'000, 2);
  for (const EncodingChoice& choice : all_choices()) {
    std::vector<float> residual = before, sum(1'000);
    for (std::size_t i = 0; i < 1'000; ++i) sum[i] = before[i] + update[i];
    const Bytes file = *encode_with_feedback(choice, layout_of(1'000), update, residual, 3);
    EXPECT_EQ(file, *encode_update(choice, layout_of(1'000), sum, 3));
    const std::vector<float> got = *values_of(file);
    for (std::size_t i = 0; i < 1'000; ++i) ASSERT_EQ(residual[i], sum[i] - got[i]);
  }
}

}  // namespace
}  // namespace tributary
