// SPDX-License-Identifier: Apache-2.0
// EventLog: the one place to which everything that happens is told. Text or JSON on stderr, JSON
// lines in a file, and subscribers in this process. Owned by the program's main; thread-safe; each
// line is written with one write(2), so lines of several processes do not mix. A log that cannot be
// written never fails the work: lost lines are counted and told.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/telemetry/event_format.h"
#include "common/telemetry/event_table.h"

namespace tributary {

// The name of an event of the table; a misspelt one does not compile.
class EventName {
 public:
  consteval EventName(const char* name) : info_(find(name)) {}  // NOLINT(runtime/explicit)
  const EventInfo& info() const { return *info_; }

 private:
  static consteval const EventInfo* find(std::string_view name) {
    for (const EventInfo& event : kEvents) {
      if (event.name == name) return &event;
    }
    throw "no such event in common/telemetry/event_table.h";
  }
  const EventInfo* info_;
};

struct EventLogOptions {
  EventLevel level = EventLevel::kInfo;  // of stderr and file; subscribers get every event
  bool json_on_stderr = false;
  std::string file = {};  // JSON lines are appended; empty = no file
  int text_fd = 2;        // stderr; negative = none
};

class EventLog {
 public:
  // Called in the order of the events, under the log's lock: be quick, and never call the log from
  // it.
  using Subscriber = std::function<void(const LoggedEvent& event, const std::string& json)>;

  // Fails if the file cannot be opened. `clock` outlives the log.
  static Result<std::unique_ptr<EventLog>> open(EventLogOptions options, const Clock& clock);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  void record(EventName name, EventFields fields);
  // An engine's report, whose name comes as text. A name outside the table is a fault of ours and
  // goes out as a warning.
  void relay(std::string_view name, EventFields fields);

  // Opens the file anew (after logrotate moved it away). On failure the old one stays in use.
  Status reopen();
  void set_level(EventLevel level);

  std::uint64_t subscribe(Subscriber subscriber);
  // After the return the subscriber is not called any more.
  void unsubscribe(std::uint64_t id);

 private:
  EventLog(EventLogOptions options, const Clock& clock);
  void put(EventLevel level, std::string_view name, EventFields fields);
  void put_locked(const LoggedEvent& event);
  void write_text_locked(const LoggedEvent& event, const std::string& json);
  void write_file_locked(const std::string& json);

  const EventLogOptions options_;
  const Clock& clock_;
  const TextStyle style_;

  std::mutex mutex_;  // guards all below and keeps the lines in one order everywhere
  EventLevel level_;
  int file_ = -1;
  bool torn_ = false;  // the last write ended inside a line
  std::int64_t lost_ = 0;
  std::uint64_t next_subscriber_ = 1;
  std::map<std::uint64_t, Subscriber> subscribers_;
};

}  // namespace tributary
