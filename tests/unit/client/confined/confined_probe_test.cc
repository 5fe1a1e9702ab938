// SPDX-License-Identifier: Apache-2.0
// What a module is asked about in a process of its own: the answers of this one, and a limit on how
// long it takes with them.
#include "client/confined/confined_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/script_module.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMemory = 1u << 30;

// Stands still until it is told to run, and then a minute passes each time it is looked at.
class HastyClock final : public Clock {
 public:
  TimePoint now() const override { return {hurries ? ms_ += 60'000 : ms_}; }
  std::int64_t wall_ms() const override { return 0; }
  bool hurries = false;

 private:
  mutable std::int64_t ms_ = 0;
};

class ConfinedProbe : public testing::Test {
 protected:
  ConfinedProbe() {
    job_.model = {"torchscript", {{"file", std::string("module.pt")}}};
    for (int i = 0; i < 15; ++i) rows_.push_back(0.25F * static_cast<float>(i - 7));
  }
  static Bytes with_forward(const std::string& lines) {
    return file_of(linear_module("\n    def forward(self, x):\n" + lines +
                                 "        return torch.linear(torch.tanh(x), self.weight)\n"));
  }
  Result<std::unique_ptr<ModelProbe>> probe(const Bytes& module) const {
    return probe_confined({clock_, [] { return kMemory; }}, job_, model_, {3}, 1, module, kMemory);
  }

  JobSpec job_;
  HastyClock clock_;
  const Model model_{{{{"weight", {1, 3}}}}, {0.5F, -2.0F, 1.0F}};
  std::vector<float> rows_;
  const std::vector<std::int64_t> wanted_ = std::vector<std::int64_t>(5, 0);
};

TEST_F(ConfinedProbe, AnswersAsThisProcessWould) {
  const Bytes module = with_forward("");
  auto there = probe(module);
  ASSERT_TRUE(there) << there.error().message;
  auto here = *probe_model(job_, model_, {3}, 1, module);
  EXPECT_EQ((*there)->outputs_of_row(), 1);
  for (int again = 0; again < 2; ++again) {
    const auto outputs = (*there)->outputs(rows_);
    ASSERT_TRUE(outputs) << outputs.error().message;
    EXPECT_EQ(*outputs, *here->outputs(rows_));
    const auto gradients = (*there)->gradients(rows_, wanted_);
    ASSERT_TRUE(gradients) << gradients.error().message;
    EXPECT_EQ(*gradients, *here->gradients(rows_, wanted_));
    EXPECT_EQ(gradients->size(), 15u);
  }
  EXPECT_THAT((*there)->feature_maps(rows_, wanted_).error().message,
              HasSubstr("does not tell of its convolutions"));
}

TEST_F(ConfinedProbe, WhatAModuleSaysWhenItFailsIsToldAndItCanBeAskedAgain) {
  auto asked = probe(with_forward("        if x.size(0) == 5:\n            x = x.reshape([7])\n"));
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_THAT((*asked)->outputs(rows_).error().message, HasSubstr("explaining: "));
  EXPECT_TRUE((*asked)->outputs(std::span(rows_).first(6)));
}

TEST_F(ConfinedProbe, AModuleThatDoesMoreThanComputeIsRefused) {
  const auto asked = probe(with_forward("        torch.save(x, \"/tmp/x\")\n"));
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, ErrorCode::kPermissionDenied) << asked.error().message;
}

TEST_F(ConfinedProbe, AnEndlessAnswerIsEndedAndSoIsTheProbe) {
  auto asked =
      probe(with_forward("        while x.size(0) == 5:\n"
                         "            x = x + 0\n"));
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_TRUE((*asked)->outputs(std::span(rows_).first(6)));
  clock_.hurries = true;
  for (int again = 0; again < 2; ++again) {
    const auto outputs = (*asked)->outputs(rows_);
    ASSERT_FALSE(outputs);
    EXPECT_EQ(outputs.error().code, ErrorCode::kDeadlineExceeded) << outputs.error().message;
  }
}

}  // namespace
}  // namespace tributary
