// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/event_format.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/text.h"

namespace tributary {
namespace {

struct LevelStyle {
  const char* label;
  const char* priority;
  const char* colour;
};
constexpr std::array<LevelStyle, 4> kStyles{{
    {"DEBUG", "<7>", "\x1b[2m"},
    {"INFO ", "<6>", "\x1b[32m"},
    {"WARN ", "<4>", "\x1b[33m"},
    {"ERROR", "<3>", "\x1b[31m"},
}};
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kPlain = "\x1b[0m";

std::string cut(const std::string& value) {
  if (value.size() <= limits::kLogValueBytesMax) return value;
  return std::string(cut_utf8(value, limits::kLogValueBytesMax)) + "… (" +
         std::to_string(value.size()) + " bytes)";
}

std::string text_value(const std::string& whole) {
  std::string value = escaped(cut(whole));
  const bool plain = !value.empty() && value.find_first_of(" \"=\\") == std::string::npos;
  if (plain) return value;
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string text_value(const FieldValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text_value(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", std::get<double>(value));
  return text;
}

// "round" when its plural is an integer field further on: 3/20 says more than two fields.
const std::int64_t* total_of(const EventFields& fields, std::size_t index) {
  if (!std::holds_alternative<std::int64_t>(fields[index].second)) return nullptr;
  for (std::size_t i = index + 1; i < fields.size(); ++i) {
    if (fields[i].first == fields[index].first + "s")
      return std::get_if<std::int64_t>(&fields[i].second);
  }
  return nullptr;
}

std::string text_fields(const EventFields& fields, const TextStyle& style) {
  std::string out;
  std::vector<const void*> shown;  // as the total of an earlier field
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& [name, value] = fields[i];
    const void* number = std::get_if<std::int64_t>(&value);
    if (number != nullptr && std::ranges::find(shown, number) != shown.end()) continue;
    out += ' ';
    out += style.colour ? kDim + name + '=' + kPlain : name + '=';
    out += text_value(value);
    if (const std::int64_t* total = total_of(fields, i)) {
      out += '/' + std::to_string(*total);
      shown.push_back(total);
    }
  }
  return out;
}

}  // namespace

TextStyle detect_text_style(int fd) {
  TextStyle style;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::strcmp(terminal, "dumb") == 0;
  style.colour = ::isatty(fd) == 1 && !dumb && (no_colour == nullptr || *no_colour == '\0');
  struct stat status {};
  const char* journal = std::getenv("JOURNAL_STREAM");
  if (journal != nullptr && ::fstat(fd, &status) == 0 &&
      journal == std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino)) {
    style.timestamp = false;
    style.priority = true;
  }
  return style;
}

std::string format_text(const LoggedEvent& event, const TextStyle& style) {
  const LevelStyle& level = kStyles[static_cast<std::size_t>(event.level)];
  std::string line;
  if (style.priority) line += level.priority;
  if (style.timestamp) line += format_utc(event.wall_ms) + ' ';
  if (style.colour) {
    line += std::string(level.colour) + level.label + kPlain + ' ' + kBold + escaped(event.name) +
            kPlain;
  } else {
    line += std::string(level.label) + ' ' + escaped(event.name);
  }
  return line + text_fields(event.fields, style);
}

std::string format_json(const LoggedEvent& event) {
  nlohmann::ordered_json line;
  line["ts"] = format_utc(event.wall_ms);
  line["level"] = event_level_name(event.level);
  line["event"] = event.name;
  for (const auto& [name, value] : event.fields) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      line[name] = cut(*text);
    } else {
      std::visit([&](const auto& plain) { line[name] = plain; }, value);
    }
  }
  return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace tributary
