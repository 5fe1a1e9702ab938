// SPDX-License-Identifier: Apache-2.0
// Refusals: what the log says of peers that are turned away before they have a name: a line each,
// but so many a second at most; those beyond, and those that were not even heard, are one line a
// second with their numbers: nobody fills a disk by knocking. Owned by the daemon, engine thread.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/telemetry/event_log.h"

namespace tributary {

class Refusals {
 public:
  Refusals(const Clock& clock, EventLog& log) : clock_(clock), log_(log) {}

  void refused(const std::string& address, const Error& why);
  void dropped(const std::string& host);
  void pass_time();  // often; once a second something comes of it

 private:
  const Clock& clock_;
  EventLog& log_;
  TimePoint since_;
  std::int64_t told_ = 0, untold_ = 0, dropped_ = 0;
  std::string last_;  // address
};

}  // namespace tributary
