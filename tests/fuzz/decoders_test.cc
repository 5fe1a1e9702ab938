// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/base/random_source.h"
#include "tests/fuzz/targets.h"

namespace tributary {

// For GoogleTest's messages.
void PrintTo(const FuzzTarget& target, std::ostream* out) { *out << target.name; }

namespace {

constexpr int kRuns = 5'000;  // of each target

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// One to four faults of the kinds that links, disks and hostile peers make.
std::string damaged(std::string text, SeededRandom& random) {
  const auto below = [&random](std::size_t bound) {
    return static_cast<std::size_t>(random.next_u64() % std::max<std::size_t>(bound, 1));
  };
  for (std::size_t faults = 1 + below(4); faults > 0 && !text.empty(); --faults) {
    const std::size_t at = below(text.size());
    switch (below(6)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 2:
        text.resize(at);
        break;
      case 3:
        text.insert(at, std::string(1 + below(8), static_cast<char>(below(256))));
        break;
      case 4:
        text.erase(at, 1 + below(16));
        break;
      default:
        text.insert(at, text.substr(below(text.size()), below(64)));
    }
  }
  return text;
}

class FuzzDecoders : public testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzDecoders, SayNoToDamageAndDoNothingElse) {
  const FuzzTarget& target = GetParam();
  std::vector<std::string> inputs;
  for (const auto& file : std::filesystem::directory_iterator(
           std::string(TRIBUTARY_SOURCE_DIR "/tests/fuzz/corpus/") + std::string(target.name))) {
    inputs.push_back(content_of(file.path()));
    EXPECT_TRUE(target.decode(as_bytes(inputs.back()))) << "undamaged: " << file.path();
  }
  ASSERT_FALSE(inputs.empty());
  std::ranges::sort(inputs);
  SeededRandom random(2026);
  int refused = 0;
  for (int i = 0; i < kRuns; ++i) {
    const std::string& input = inputs[static_cast<std::size_t>(i) % inputs.size()];
    refused += target.decode(as_bytes(damaged(input, random))) ? 0 : 1;
  }
  EXPECT_GT(refused, kRuns / 20);
}

INSTANTIATE_TEST_SUITE_P(All, FuzzDecoders,
                         testing::ValuesIn(fuzz_targets().begin(), fuzz_targets().end()),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace tributary
