// SPDX-License-Identifier: Apache-2.0
// One event as a line: text for people, JSON for machines. Whatever a field holds, the result is
// exactly one line and its fields cannot be forged: values that are not plain words are quoted and
// escaped. Plain functions, any thread.
#pragma once

#include <cstdint>
#include <string>

#include "common/telemetry/events.h"

namespace tributary {

struct LoggedEvent {
  std::int64_t wall_ms = 0;
  EventLevel level = EventLevel::kInfo;
  std::string name;
  EventFields fields;
};

struct TextStyle {
  bool colour = false;
  bool timestamp = true;
  bool priority = false;  // "<6>" in front, which systemd's journal takes as the level

  bool operator==(const TextStyle&) const = default;
};

// What suits this file descriptor: colour on a terminal (unless NO_COLOR is set or TERM is dumb);
// for the journal (JOURNAL_STREAM names this very descriptor) a priority and no timestamp, for the
// journal keeps its own.
TextStyle detect_text_style(int fd);

// 2026-11-24T10:15:02.114Z INFO  round.committed job=heart-1f2e round=3/20 norm=1.84
// A field followed by the same name with an s, both integers, is shown as one: round=3/20.
std::string format_text(const LoggedEvent& event, const TextStyle& style);

// {"ts":"…","level":"info","event":"round.committed","job":"heart-1f2e","round":3,…}; ASCII only,
// so that showing the file in a terminal is harmless; bytes that are not UTF-8 become U+FFFD; NaN
// and infinity become null.
std::string format_json(const LoggedEvent& event);

}  // namespace tributary
