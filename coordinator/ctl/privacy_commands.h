// SPDX-License-Identifier: Apache-2.0
// tributaryctl privacy: what a plan costs, before anybody trains. Needs no coordinator. One thread.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "common/base/result.h"

namespace tributary {

struct PrivacyPlan {
  std::string unit = "record";
  std::string sampling = "poisson";
  std::uint64_t size = 0;  // records of the smallest site, or clients of the federation
  std::uint64_t batch = 0;
  std::uint64_t rounds = 0;
  std::uint64_t rounds_per_pass = 0;  // of each tree; 0: one tree for all
  double epochs = 1;                  // a round
  double epsilon = 0;                 // 0: --noise says
  double delta = 0;                   // 0: one that fits the size
  double noise = 0;                   // 0: --epsilon says
  bool json = false;
};

void add_privacy(CLI::App& app, PrivacyPlan& plan,
                 const std::function<void(CLI::App*, std::function<Status()>)>& here);

}  // namespace tributary
