// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/events.h"

#include <algorithm>
#include <array>

#include "common/telemetry/event_table.h"

namespace tributary {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};

}  // namespace

std::string_view event_level_name(EventLevel level) {
  return kLevels[static_cast<std::size_t>(level)];
}

std::optional<EventLevel> event_level_from_name(std::string_view name) {
  const auto found = std::ranges::find(kLevels, name);
  if (found == kLevels.end()) return std::nullopt;
  return static_cast<EventLevel>(found - kLevels.begin());
}

const EventInfo* find_event(std::string_view name) {
  const auto found = std::ranges::find(kEvents, name, &EventInfo::name);
  return found == kEvents.end() ? nullptr : &*found;
}

std::string describe_events(EventSide side) {
  std::string out = "| Event | Level | Meaning | Fields |\n|---|---|---|---|\n";
  for (const EventInfo& event : kEvents) {
    if (side != EventSide::kBoth && event.side != side && event.side != EventSide::kBoth) continue;
    out.append("| `").append(event.name).append("` | ").append(event_level_name(event.level));
    out.append(" | ").append(event.help).append(" | ").append(event.fields).append(" |\n");
  }
  return out;
}

}  // namespace tributary
