// SPDX-License-Identifier: Apache-2.0
// RoundPolicy: what a job file says of its rounds: who is asked, for how long, how much is enough,
// and what becomes of the rest. Plain values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tributary {

// kAsync: each model version is made of the next `target` updates, whatever version they started
// from (FedBuff, Nguyen et al. 2022; FedAsync, Xie et al. 2019, with target 1).
enum class RoundMode { kSync, kAsync };

enum class SelectionRule {
  kAll,         // every site that can take part
  kUniform,     // drawn, each with the same chance
  kWeighted,    // drawn, with a chance that grows with its training rows
  kFast,        // drawn, with a chance that grows with the speed it has shown
  kRoundRobin,  // those that were asked least often
};

// What becomes of a site that is not done when its round closes.
enum class LateResult { kDiscard, kCarry };

enum class StalenessWeight { kConstant, kPolynomial, kHinge };

// The share of an update that is in time. Shares are integers, so that what is stored of an update
// gives the same sum on every machine.
inline constexpr std::uint32_t kFullShare = 1u << 16;

// How much an update counts that is folded `s` rounds after the one it was made for.
struct StalenessPolicy {
  StalenessWeight weight = StalenessWeight::kPolynomial;
  double exponent = 0.5;  // polynomial: (1 + s)^-exponent
  double slope = 1.0;     // hinge: 1 up to `free`, then 1 / (1 + slope * (s - free))
  std::uint32_t free = 1;
  std::uint32_t max = 10;  // later than that it counts no more
  bool operator==(const StalenessPolicy&) const = default;
};

// A deadline from what the sites of the round took in earlier rounds: p90 * factor, at least
// minimum_ms and at most the job's deadline.
struct AdaptiveDeadline {
  double factor = 1.5;
  std::int64_t minimum_ms = 10'000;
  bool operator==(const AdaptiveDeadline&) const = default;
};

struct RoundPolicy {
  std::uint32_t rounds = 1;
  RoundMode mode = RoundMode::kSync;
  SelectionRule selection = SelectionRule::kUniform;
  double fraction = 1.0;  // of the sites that are there and prepared
  // So many accepted updates close a round before its deadline; async: the size of the buffer. 0:
  // all that were asked.
  std::uint32_t target = 0;
  double over_selection = 1.0;      // target * this are asked
  std::uint32_t concurrency = 0;    // async: sites that train at the same time; 0: all
  std::uint32_t minimum_sites = 2;  // fewer candidates: the job waits and names who is missing
  // Accepted updates that are enough at the deadline; 0: `target`, or all that were asked.
  std::uint32_t quorum = 0;
  std::int64_t deadline_ms = 600'000;  // of each phase of a round
  std::optional<AdaptiveDeadline> adaptive;
  // Once enough is there or the deadline has come: so long updates are waited for whose upload has
  // begun.
  std::int64_t grace_ms = 0;
  LateResult late = LateResult::kDiscard;
  StalenessPolicy staleness;
  std::int64_t disconnect_grace_ms =
      30'000;                  // a selected site off the link for this long counts as lost
  std::uint32_t attempts = 3;  // tries of one round before the job fails
  std::int64_t wait_for_sites_ms =
      3'600'000;                          // then the job fails with the names of who is missing
  std::int64_t alarm_after_ms = 600'000;  // a job that waits says so again, as an error
  std::vector<std::string> sites;  // the sites that may take part; empty = any with the dataset
  bool operator==(const RoundPolicy&) const = default;

  bool carries_late() const { return mode == RoundMode::kAsync || late == LateResult::kCarry; }
};

// What an operator may change of a job that runs. Absent: as it is.
struct JobChanges {
  std::optional<bool> paused = {};
  std::optional<std::int64_t> priority = {};
  std::optional<std::int64_t> deadline_ms = {};
  std::optional<std::uint32_t> quorum = {};
  std::optional<std::uint32_t> rounds = {};
  bool operator==(const JobChanges&) const = default;
};

}  // namespace tributary
