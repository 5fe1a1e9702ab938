// SPDX-License-Identifier: Apache-2.0
// What an event of the log is: a stable dotted name, a level, one line of help, its fields in
// order. The table of all events stands in event_table.h and nowhere else. Plain values, any
// thread. Writing them is event_log.h's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tributary {

enum class EventLevel { kDebug, kInfo, kWarn, kError };
std::string_view event_level_name(EventLevel level);  // "debug", "info", "warn", "error"
std::optional<EventLevel> event_level_from_name(std::string_view name);

// Whose log an event is found in.
enum class EventSide { kCoordinator, kClient, kBoth };

struct EventInfo {
  std::string_view name;
  EventLevel level;
  EventSide side;
  std::string_view
      fields;  // names in order, one blank between; a field that does not apply is left out
  std::string_view help;
};

using FieldValue = std::variant<std::string, std::int64_t, double, bool>;
using EventFields = std::vector<std::pair<std::string, FieldValue>>;

// Null if there is no such event.
const EventInfo* find_event(std::string_view name);

// The Markdown table of one side's events, as it stands in that side's README.md.
std::string describe_events(EventSide side);

}  // namespace tributary
