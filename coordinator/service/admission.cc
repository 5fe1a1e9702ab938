// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/admission.h"

#include <algorithm>

#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr std::int64_t kLink = 1000;  // parts; see full_at_

constexpr Milliseconds kSweepEvery{1'000};

bool is_over(TimePoint turn, TimePoint now) { return now - turn > Milliseconds(limits::kTurnMs); }

// What a client would obey.
std::int64_t told(Milliseconds wait) {
  return std::clamp<std::int64_t>(wait.count(), limits::kRedialFirstMs, limits::kRetryAfterMs);
}

}  // namespace

void Admission::renew(TimePoint now, AdmissionConfig bounds) {
  const std::int64_t owed = std::max<std::int64_t>(0, full_at_ - now.ms * bounds_.rate);
  bounds_ = bounds;
  full_at_ = now.ms * bounds_.rate + owed;
}

Admission::Verdict Admission::admit(TimePoint now, const SiteName& site, std::size_t others) {
  if (others >= static_cast<std::size_t>(bounds_.sites_max))
    return {"sites_max", limits::kRedialMs};
  if (const auto turn = turns_.find(site); turn != turns_.end()) {
    if (turn->second > now) return {"rate", told(turn->second - now)};
    const bool kept = !is_over(turn->second, now);
    turns_.erase(turn);
    if (kept) return {};
  }
  const TimePoint turn{next_turn(now)};
  if (turn > now && !has_room(now)) return {"rate", told(turn - now)};
  give_turn(now);
  if (turn == now) return {};
  turns_[site] = turn;
  return {"rate", told(turn - now)};
}

// Turns that nobody came for are kept until their room is needed.
bool Admission::has_room(TimePoint now) {
  if (turns_.size() < limits::kSitesMax) return true;
  if (now < sweep_at_) return false;
  sweep_at_ = now + kSweepEvery;
  std::erase_if(turns_, [now](const auto& entry) { return is_over(entry.second, now); });
  return turns_.size() < limits::kSitesMax;
}

std::int64_t Admission::give_turn(TimePoint now) {
  const TimePoint turn{next_turn(now)};
  full_at_ = std::max(full_at_, now.ms * bounds_.rate) + kLink;
  return (turn - now).count();
}

// In milliseconds, not before `now`. The bucket holds `rate` links.
std::int64_t Admission::next_turn(TimePoint now) const {
  const std::int64_t free_at = full_at_ - (bounds_.rate - 1) * kLink;
  return std::max(now.ms, (free_at + bounds_.rate - 1) / bounds_.rate);
}

std::int64_t Admission::spread_ms(std::size_t sites) const {
  return std::min(static_cast<std::int64_t>(sites) * 1250 / bounds_.rate, limits::kRetryAfterMs);
}

}  // namespace tributary
