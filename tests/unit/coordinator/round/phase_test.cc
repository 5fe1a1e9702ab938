// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/phase.h"

#include <gtest/gtest.h>

#include "common/base/random_source.h"

namespace tributary {
namespace {

SiteName site(std::uint64_t number) { return SiteName{"site-" + std::to_string(number)}; }

// What Phase keeps count of, by a look at each participant.
std::optional<TimePoint> first_look(const Phase& phase) {
  std::optional<TimePoint> first;
  for (const auto& [name, one] : phase.participants()) {
    if (one.reason != Reason::kPending) continue;
    if (const auto at = wake_of(one, phase.rules()); at && (!first || *at < *first)) first = at;
  }
  return first;
}

bool is_over(const Phase& phase) {
  std::size_t pending = 0, checking = 0, in_time = 0;
  for (const auto& [name, one] : phase.participants()) {
    if (one.reason != Reason::kPending) continue;
    ++pending;
    checking += one.checking ? 1 : 0;
    in_time += one.late ? 0 : 1;
  }
  return pending == 0 ||
         (checking == 0 && in_time == 0 && phase.accepted() >= phase.rules().quorum);
}

class RandomPhase {
 public:
  explicit RandomPhase(std::uint64_t seed) : random_(seed) {
    rules_.quorum = 3;
    rules_.grace = Milliseconds(5);
    rules_.disconnect_grace = Milliseconds(7);
    if (seed % 2 == 0) rules_.extension = Milliseconds(40);
    phase_.emplace(TaskKey{JobId{"job"}, 1, 1, TaskKind::kTrain}, rules_);
    for (std::uint64_t i = 0; i < kSites; ++i)
      phase_->ask(site(i), now_, Milliseconds(below(60) + 20), {}, below(4) > 0);
  }

  void step() {
    now_ = now_ + Milliseconds(below(4));
    if (Participant* one = phase_->pending(site(random_.uniform_below(kSites)))) change(*one);
    if (below(40) == 0) {
      rules_.grace = Milliseconds(below(10));
      phase_->set_rules(rules_);
    }
    phase_->expire(now_);  // makes some late, whose link may be lost for too long already
    phase_->expire(now_);
  }
  const Phase& phase() const { return *phase_; }
  bool over() { return phase_->over(now_); }
  TimePoint now() const { return now_; }

 private:
  static constexpr std::uint64_t kSites = 12;
  std::int64_t below(std::uint64_t most) {
    return static_cast<std::int64_t>(random_.uniform_below(most));
  }
  void change(Participant& one) {
    switch (below(7)) {
      case 0:
        one.lost_link = now_;
        break;
      case 1:
        one.lost_link.reset();
        break;
      case 2:
        one.result.emplace();
        break;
      case 3:
        one.checking = !one.checking;
        break;
      case 4:
        one.fetch_again_at = now_ + Milliseconds(below(9));
        break;
      case 5:
        one.deadline = one.deadline + Milliseconds(below(9));
        break;
      default:
        phase_->settle(one.row.site, now_, below(2) == 0 ? Reason::kAccepted : Reason::kDeadline,
                       "");
    }
  }

  SeededRandom random_;
  PhaseRules rules_;
  TimePoint now_{1000};
  std::optional<Phase> phase_;
};

TEST(Phase, KnowsOfAllWhatALookAtEachWouldTell) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomPhase random(seed);
    for (int i = 0; i < 60; ++i) {
      random.step();
      ASSERT_EQ(random.phase().next_look(), first_look(random.phase())) << seed << " at " << i;
      ASSERT_EQ(random.over(), is_over(random.phase())) << seed << " at " << i;
      for (const auto& [name, one] : random.phase().participants()) {
        const bool expired = expiry_of(one, random.phase().rules(), random.now()).has_value();
        ASSERT_FALSE(one.reason == Reason::kPending && expired) << seed << ": " << name;
      }
    }
  }
}

}  // namespace
}  // namespace tributary
