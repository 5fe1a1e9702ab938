// SPDX-License-Identifier: Apache-2.0
// Admission: whether a site may come onto a link now, and when instead, so that thousands that come
// at once are let in one after the other. Owned by SiteSessions, engine thread. It does no I/O and
// reads no clock; which sites may come at all is not its business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/config/coordinator_file.h"

namespace tributary {

// A token bucket of `rate` links a second that holds a second's worth, whose coming tokens are
// given away as turns. Who is put off gets the next turn that is free and is let in when it comes
// within kTurnMs after it; who comes early is told what is left. So at most rate + rate * T links
// are let in during any time T if all keep their turns, and rate * kTurnMs more however late they
// come.
class Admission {
 public:
  struct Verdict {
    std::string_view refused_by;      // the key of the bound it ran into; empty: let in
    std::int64_t retry_after_ms = 0;  // where refused
  };

  explicit Admission(AdmissionConfig bounds) : bounds_(bounds) {}

  // Those who wait keep their turns; whoever comes after them is met with the new bounds.
  void renew(TimePoint now, AdmissionConfig bounds);
  // A site that has come; `others` are on a link.
  Verdict admit(TimePoint now, const SiteName& site, std::size_t others);
  // A turn for someone who is sent away without having asked: the milliseconds until then. Turns
  // given out in a row follow each other at the rate.
  std::int64_t give_turn(TimePoint now);
  // Over how long so many sites come back if all lose their links at once: a quarter longer than
  // they take at the rate. Without it a backlog would never get shorter, and each would come twice.
  std::int64_t spread_ms(std::size_t sites) const;
  std::size_t waiting() const { return turns_.size(); }  // turns that nobody has come for yet

 private:
  std::int64_t next_turn(TimePoint now) const;
  bool has_room(TimePoint now);

  AdmissionConfig bounds_;
  // When the bucket would be full again (the virtual scheduling of ITU-T I.371, appendix I). In
  // parts of a link: a millisecond brings `rate` of them, so that nothing is rounded.
  std::int64_t full_at_ = 0;
  std::map<SiteName, TimePoint> turns_;
  TimePoint sweep_at_;
};

}  // namespace tributary
