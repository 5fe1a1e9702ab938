// SPDX-License-Identifier: Apache-2.0
#include "common/config/yaml_reader.h"

#include <algorithm>

#include "common/base/ids.h"
#include "common/base/text.h"
#include "common/config/suggest.h"
#include "common/config/yaml_tree.h"

namespace tributary {
namespace {

using Kind = YamlNode::Kind;

const char* kind_text(const YamlNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      return "a single value";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "";
}

}  // namespace

struct YamlDocument::State {
  std::string file_name;
  YamlNode root;
  std::vector<ConfigFault> faults;
};

YamlDocument::YamlDocument() : state_(std::make_unique<State>()) {}
YamlDocument::~YamlDocument() = default;

Result<std::unique_ptr<YamlDocument>> YamlDocument::parse(const std::string& text,
                                                          std::string file_name,
                                                          std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return make_error(ErrorCode::kResourceExhausted,
                      escaped(file_name) + ": the file has " + std::to_string(text.size()) +
                          " bytes; at most " + std::to_string(bytes_max) + " are read");
  }
  std::unique_ptr<YamlDocument> document(new YamlDocument());
  document->state_->file_name = escaped(file_name);
  auto root = parse_yaml(text, document->state_->faults);
  if (!root) {
    return make_error(root.error().code, document->state_->file_name + ":" + root.error().message);
  }
  document->state_->root = std::move(*root);
  return document;
}

Section YamlDocument::root() {
  YamlNode& root = state_->root;
  if (root.kind == Kind::kMap) return Section(this, &root, "");
  root.closed = true;
  state_->faults.push_back(
      {root.place, "", std::string("expected a map of keys, found ") + kind_text(root)});
  return Section(this, nullptr, "");
}

Status YamlDocument::finish() {
  std::vector<ConfigFault> faults = with_unread_keys(state_->root, state_->faults);
  if (faults.empty()) return {};
  std::ranges::stable_sort(faults, {}, [](const ConfigFault& fault) {
    return std::pair(fault.place.line, fault.place.column);
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(faults.size(), limits::kConfigFaultsMax); ++i) {
    const ConfigFault& fault = faults[i];
    text += (i == 0 ? "" : "\n") + state_->file_name + ":" + std::to_string(fault.place.line) +
            ":" + std::to_string(fault.place.column) + ": " +
            (fault.path.empty() ? "" : fault.path + ": ") + fault.text;
  }
  if (faults.size() > limits::kConfigFaultsMax) {
    text += "\n... and " + std::to_string(faults.size() - limits::kConfigFaultsMax) + " more";
  }
  return make_error(ErrorCode::kInvalidArgument, text);
}

Section::Section(YamlDocument* document, YamlNode* node, std::string path)
    : document_(document), node_(node), path_(std::move(path)) {}

std::string Section::path_of(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

YamlEntry* Section::find(std::string_view key) const {
  if (node_ == nullptr) return nullptr;
  if (std::ranges::find(node_->known, key) == node_->known.end()) node_->known.emplace_back(key);
  const auto found = node_->index.find(key);
  return found == node_->index.end() ? nullptr : &node_->entries[found->second];
}

bool Section::has(std::string_view key) const { return find(key) != nullptr; }

bool Section::is_word(std::string_view key) const {
  const YamlEntry* entry = find(key);
  return entry != nullptr && entry->value.kind == Kind::kScalar;
}

int Section::line_of(std::string_view key) const {
  if (const YamlEntry* entry = find(key)) return entry->place.line;
  return node_ == nullptr ? 0 : node_->place.line;
}

void Section::fault_at(YamlNode& node, std::string path, std::string text) {
  node.closed = true;
  document_->state_->faults.push_back({node.place, std::move(path), std::move(text)});
}

void Section::fault(std::string_view key, const std::string& text) {
  Place place;
  if (YamlEntry* entry = find(key)) {
    entry->used = true;
    place = entry->value.kind == Kind::kNull ? entry->place : entry->value.place;
  } else if (node_ != nullptr) {
    place = node_->place;
  }
  document_->state_->faults.push_back({place, path_of(key), text});
}

void Section::ignore_rest() {
  if (node_ != nullptr) node_->closed = true;
}

YamlNode* Section::take(std::string_view key, bool required) {
  YamlEntry* entry = find(key);
  if (entry == nullptr) {
    if (required && node_ != nullptr) fault(key, "this key is required and missing");
    return nullptr;
  }
  entry->used = true;
  if (entry->value.kind == Kind::kNull) {
    fault(key, "this key has no value; give it one or remove it");
    return nullptr;
  }
  return &entry->value;
}

const YamlNode* Section::scalar(std::string_view key, bool required) {
  YamlNode* node = take(key, required);
  if (node == nullptr || node->kind == Kind::kScalar) return node;
  fault_at(*node, path_of(key), std::string("expected a single value, found ") + kind_text(*node));
  return nullptr;
}

YamlNode* Section::list(std::string_view key, bool required) {
  YamlNode* node = take(key, required);
  if (node == nullptr || node->kind == Kind::kList) return node;
  fault_at(*node, path_of(key),
           std::string("expected a list such as [a, b], found ") + kind_text(*node));
  return nullptr;
}

template <typename T, typename Parse>
T Section::read(std::string_view key, std::optional<T> fallback, Parse parse) {
  if (const YamlNode* node = scalar(key, !fallback)) {
    Result<T> value = parse(*node);
    if (value) return std::move(*value);
    fault(key, value.error().message);
  }
  return fallback ? *std::move(fallback) : T{};
}

template <typename T, typename Parse>
std::vector<T> Section::read_list(std::string_view key, std::optional<std::vector<T>> fallback,
                                  Parse parse) {
  YamlNode* node = list(key, !fallback);
  if (node == nullptr) return fallback ? *std::move(fallback) : std::vector<T>{};
  std::vector<T> values;
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    YamlNode& item = node->items[i];
    const std::string path = path_of(key) + "[" + std::to_string(i) + "]";
    if (item.kind != Kind::kScalar) {
      fault_at(item, path, std::string("expected a single value, found ") + kind_text(item));
      continue;
    }
    Result<T> value = parse(item);
    if (value) {
      values.push_back(std::move(*value));
    } else {
      fault_at(item, path, value.error().message);
    }
  }
  return values;
}

namespace {

// Wraps a parser of unquoted values: "5" in quotes is a text.
template <typename Parse>
auto unquoted(Parse parse) {
  return [parse](const YamlNode& node) -> decltype(parse(std::string_view{})) {
    auto value = parse(node.scalar);
    if (value && node.in_quotes) {
      return make_error(ErrorCode::kInvalidArgument,
                        "write " + quoted(node.scalar) + " without quotes");
    }
    return value;
  };
}

Result<std::string> as_text(const YamlNode& node) { return node.scalar; }

}  // namespace

std::string Section::text(std::string_view key, std::optional<std::string> fallback) {
  return read<std::string>(key, std::move(fallback), as_text);
}

std::string Section::name(std::string_view key, std::optional<std::string> fallback) {
  return read<std::string>(
      key, std::move(fallback), [](const YamlNode& node) -> Result<std::string> {
        if (is_valid_name(node.scalar)) return node.scalar;
        return make_error(
            ErrorCode::kInvalidArgument,
            "expected a name of 1 to 64 letters, digits, '.', '_' or '-', starting with a letter "
            "or digit, found " +
                quoted(node.scalar));
      });
}

std::string Section::choice(std::string_view key, const std::vector<std::string>& known,
                            std::optional<std::string> fallback) {
  return read<std::string>(
      key, std::move(fallback), [&](const YamlNode& node) -> Result<std::string> {
        if (std::ranges::find(known, node.scalar) != known.end()) return node.scalar;
        return make_error(ErrorCode::kInvalidArgument,
                          "unknown value " + quoted(node.scalar) + suggest(node.scalar, known));
      });
}

bool Section::flag(std::string_view key, std::optional<bool> fallback) {
  return read<bool>(key, fallback, unquoted(parse_flag));
}

std::int64_t Section::integer(std::string_view key, IntegerRange range,
                              std::optional<std::int64_t> fallback) {
  return read<std::int64_t>(key, fallback, unquoted([range](std::string_view text) {
                              return parse_integer(text, range);
                            }));
}

double Section::number(std::string_view key, NumberRange range, std::optional<double> fallback) {
  return read<double>(key, fallback, unquoted([range](std::string_view text) {
                        return parse_number(text, range);
                      }));
}

std::int64_t Section::duration_ms(std::string_view key, IntegerRange range_ms,
                                  std::optional<std::int64_t> fallback) {
  return read<std::int64_t>(key, fallback, [&](const YamlNode& node) -> Result<std::int64_t> {
    TRIB_TRY(value, parse_duration_ms(node.scalar));
    if (value >= range_ms.min && value <= range_ms.max) return value;
    return make_error(ErrorCode::kInvalidArgument,
                      "out of range: from " + std::to_string(range_ms.min) + "ms to " +
                          std::to_string(range_ms.max) + "ms are possible, found " +
                          quoted(node.scalar));
  });
}

std::uint64_t Section::byte_size(std::string_view key, IntegerRange range,
                                 std::optional<std::uint64_t> fallback) {
  return read<std::uint64_t>(key, fallback, [&](const YamlNode& node) -> Result<std::uint64_t> {
    TRIB_TRY(value, parse_byte_size(node.scalar));
    if (std::in_range<std::int64_t>(value) && static_cast<std::int64_t>(value) >= range.min &&
        static_cast<std::int64_t>(value) <= range.max) {
      return value;
    }
    return make_error(ErrorCode::kInvalidArgument,
                      "out of range: from " + std::to_string(range.min) + " to " +
                          std::to_string(range.max) + " bytes are possible, found " +
                          quoted(node.scalar));
  });
}

HostPort Section::host_port(std::string_view key, IntegerRange port) {
  return read<HostPort>(key, {},
                        [&](const YamlNode& node) { return parse_host_port(node.scalar, port); });
}

Section::Texts Section::texts(std::string_view key, std::optional<Texts> fallback) {
  return read_list<std::string>(key, std::move(fallback), as_text);
}

Section::Integers Section::integers(std::string_view key, IntegerRange range,
                                    std::optional<Integers> fallback) {
  return read_list<std::int64_t>(key, std::move(fallback), unquoted([range](std::string_view text) {
                                   return parse_integer(text, range);
                                 }));
}

Section Section::section(std::string_view key, Need need) {
  YamlNode* node = take(key, need == Need::kRequired);
  if (node != nullptr && node->kind != Kind::kMap) {
    fault_at(*node, path_of(key), std::string("expected a map of keys, found ") + kind_text(*node));
    node = nullptr;
  }
  return Section(document_, node, path_of(key));
}

std::vector<Section::Item> Section::items(std::string_view key) {
  std::vector<Item> out;
  YamlNode* node = list(key, true);
  if (node != nullptr && node->items.empty()) fault(key, "there must be at least one");
  for (std::size_t i = 0; node != nullptr && i < node->items.size(); ++i) {
    YamlNode& item = node->items[i];
    const std::string path = path_of(key) + "[" + std::to_string(i) + "]";
    if (item.kind == Kind::kMap) {
      out.push_back({std::nullopt, Section(document_, &item, path)});
    } else if (item.kind == Kind::kScalar) {
      out.push_back({item.scalar, Section(document_, nullptr, path)});
    } else {
      fault_at(item, path, std::string("expected a name or a map, found ") + kind_text(item));
    }
  }
  return out;
}

std::vector<std::string> Section::names() {
  std::vector<std::string> found;
  for (const std::string& key : keys()) {
    if (is_valid_name(key)) {
      found.push_back(key);
      continue;
    }
    fault(key, quoted(key) + " is no name of 1 to 64 letters, digits, '.', '_' or '-'");
    find(key)->value.closed = true;
  }
  return found;
}

std::vector<std::string> Section::keys() const {
  std::vector<std::string> found;
  if (node_ == nullptr) return found;
  for (const YamlEntry& entry : node_->entries) found.push_back(entry.key);
  return found;
}

std::optional<std::pair<std::string, std::string>> Section::only_pair() const {
  if (node_ == nullptr || node_->entries.size() != 1) return std::nullopt;
  const YamlEntry& entry = node_->entries[0];
  if (entry.value.kind != Kind::kScalar) return std::nullopt;
  return std::pair(entry.key, entry.value.scalar);
}

}  // namespace tributary
