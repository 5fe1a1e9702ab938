// SPDX-License-Identifier: Apache-2.0
// A strict reader of YAML: typed getters over a cursor (Section), all faults of a file collected
// and told at once with file:line:column and key, unread keys refused with the nearest known one. A
// value is read as its declared type only. Owned by whoever reads one file; one thread. It knows no
// key of any file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/config/scalars.h"

namespace tributary {

struct YamlNode;
struct YamlEntry;
class YamlDocument;

// A map of the file. The section of an absent optional key is empty: its getters give their
// fallbacks, or T{} without a fault. Everywhere, no fallback means required. The document outlives
// its sections.
class Section {
 public:
  // Whether the key is there, with or without a value.
  bool has(std::string_view key) const;
  // Whether its value is one plain word instead of a map or list: a plug-in by name only.
  bool is_word(std::string_view key) const;
  // Whether the section stands in the file.
  bool present() const { return node_ != nullptr; }

  std::string text(std::string_view key, std::optional<std::string> fallback = {});
  // Letters, digits, '.', '_', '-'.
  std::string name(std::string_view key, std::optional<std::string> fallback = {});
  std::string choice(std::string_view key, const std::vector<std::string>& known,
                     std::optional<std::string> fallback = {});
  bool flag(std::string_view key, std::optional<bool> fallback = {});
  std::int64_t integer(std::string_view key, IntegerRange range,
                       std::optional<std::int64_t> fallback = {});
  double number(std::string_view key, NumberRange range, std::optional<double> fallback = {});
  std::int64_t duration_ms(std::string_view key, IntegerRange range_ms,
                           std::optional<std::int64_t> fallback = {});
  std::uint64_t byte_size(std::string_view key, IntegerRange range,
                          std::optional<std::uint64_t> fallback = {});
  HostPort host_port(std::string_view key, IntegerRange port);

  using Texts = std::vector<std::string>;
  using Integers = std::vector<std::int64_t>;
  Texts texts(std::string_view key, std::optional<Texts> fallback = {});
  Integers integers(std::string_view key, IntegerRange range,
                    std::optional<Integers> fallback = {});

  enum class Need { kRequired, kOptional };
  Section section(std::string_view key, Need need);
  // A list of at least one item, words or maps: each is a section with one of the two.
  struct Item;
  std::vector<Item> items(std::string_view key);
  // The keys of a section whose keys are names chosen by the user.
  std::vector<std::string> names();
  // All keys as they stand in the file, read or not.
  std::vector<std::string> keys() const;
  // Key and value of a section that has only one, a single value.
  std::optional<std::pair<std::string, std::string>> only_pair() const;

  // A fault found by the caller, at the key's value or, where the key is absent, at the section.
  void fault(std::string_view key, const std::string& text);
  // Unread keys of this section are no further faults: what they mean depends on something that is
  // wrong already.
  void ignore_rest();

  std::string path_of(std::string_view key) const;
  int line_of(std::string_view key) const;

 private:
  friend class YamlDocument;
  Section(YamlDocument* document, YamlNode* node, std::string path);

  YamlEntry* find(std::string_view key) const;
  YamlNode* take(std::string_view key, bool required);
  // The key's scalar; null after a fault, or where the key is absent.
  const YamlNode* scalar(std::string_view key, bool required);
  YamlNode* list(std::string_view key, bool required);
  void fault_at(YamlNode& node, std::string path, std::string text);
  template <typename T, typename Parse>
  T read(std::string_view key, std::optional<T> fallback, Parse parse);
  template <typename T, typename Parse>
  std::vector<T> read_list(std::string_view key, std::optional<std::vector<T>> fallback,
                           Parse parse);

  YamlDocument* document_;
  YamlNode* node_;
  std::string path_;
};

struct Section::Item {
  std::optional<std::string> word;  // set: the section is empty
  Section section;
};

class YamlDocument {
 public:
  // `file_name` stands in front of each fault.
  static Result<std::unique_ptr<YamlDocument>> parse(
      const std::string& text, std::string file_name,
      std::size_t bytes_max = limits::kConfigBytesMax);
  ~YamlDocument();

  Section root();
  // All faults in the order of the file, unread keys among them, one a line. What only follows from
  // a misspelt key is left out.
  Status finish();

 private:
  friend class Section;
  YamlDocument();

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tributary
