// SPDX-License-Identifier: Apache-2.0
#include "client/data/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/base/limits.h"
#include "common/base/text.h"

namespace tributary {
namespace {

constexpr int kUnused = -1;
constexpr int kLabel = -2;

Error wrong(const std::string& column, const std::string& what) {
  return make_error(ErrorCode::kInvalidArgument, "column '" + column + "' " + what);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<double> parse_double(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

}  // namespace

TableBuilder::TableBuilder(const DataSpec& spec, std::vector<std::string> missing)
    : spec_(spec), missing_(std::move(missing)) {
  table_.features.resize(spec.features.size());
}

Status TableBuilder::set_columns(const std::vector<std::string>& names) {
  roles_.assign(names.size(), kUnused);
  const auto place = [&](const std::string& wanted, int role) -> Status {
    const auto found = std::ranges::find(names, wanted);
    if (found == names.end()) return wrong(wanted, "of the job is not in the site's file");
    if (std::ranges::count(names, wanted) > 1)
      return wrong(wanted, "stands twice in the site's file");
    roles_[static_cast<std::size_t>(found - names.begin())] = role;
    return {};
  };
  for (std::size_t i = 0; i < spec_.features.size(); ++i) {
    TRIB_CHECK_OK(place(spec_.features[i].name, static_cast<int>(i)));
  }
  return spec_.target == TargetKind::kUnlabelled ? Status{} : place(spec_.label, kLabel);
}

bool TableBuilder::is_missing(const std::string& cell) const {
  return std::ranges::find(missing_, trimmed(cell)) != missing_.end();
}

Status TableBuilder::add_row(const std::vector<std::string>& cells) {
  if (cells.size() != roles_.size()) {
    return make_error(ErrorCode::kInvalidArgument, "a row has " + std::to_string(cells.size()) +
                                                       " cells, not " +
                                                       std::to_string(roles_.size()));
  }
  const auto label = static_cast<std::size_t>(std::ranges::find(roles_, kLabel) - roles_.begin());
  if (label < cells.size() && is_missing(cells[label])) {
    ++table_.unlabelled;
    return {};
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (roles_[i] == kUnused) continue;
    TRIB_CHECK_OK(roles_[i] == kLabel ? add_label(cells[i])
                                      : add_cell(static_cast<std::size_t>(roles_[i]), cells[i]));
  }
  ++table_.rows;
  return {};
}

Status TableBuilder::add_label(const std::string& cell) {
  if (!spec_.label_values.empty()) {
    const auto found = std::ranges::find(spec_.label_values, trimmed(cell));
    if (found == spec_.label_values.end())
      return wrong(spec_.label, "has a value that is not among data.label.values");
    table_.labels.push_back(found - spec_.label_values.begin());
    return {};
  }
  const std::optional<double> number = parse_double(cell);
  if (!number)
    return wrong(spec_.label, "has a value that is no number; name its words in data.label.values");
  if (spec_.target == TargetKind::kRegression) {
    if (std::abs(*number) > std::numeric_limits<float>::max())
      return wrong(spec_.label, "has a value that is too large");
    table_.targets.push_back(static_cast<float>(*number));
    return {};
  }
  if (spec_.positive_above) {
    table_.labels.push_back(*number > *spec_.positive_above ? 1 : 0);
    return {};
  }
  const std::int64_t classes = spec_.target == TargetKind::kBinary ? 2 : spec_.classes;
  if (*number != std::floor(*number) || *number < 0 || *number >= static_cast<double>(classes)) {
    return wrong(spec_.label,
                 "has a value that is none of the classes 0 to " + std::to_string(classes - 1));
  }
  table_.labels.push_back(static_cast<std::int64_t>(*number));
  return {};
}

Status TableBuilder::add_cell(std::size_t feature, const std::string& cell) {
  TableColumn& column = table_.features[feature];
  const FeatureColumn& spec = spec_.features[feature];
  const bool missing = is_missing(cell);
  if (spec.kind == FeatureKind::kNumeric) {
    const std::optional<double> number = missing ? std::nan("") : parse_double(cell);
    if (!number) return wrong(spec.name, "has a value that is no number");
    column.numbers.push_back(*number);
    return {};
  }
  if (missing) {
    column.words.push_back(TableColumn::kMissingWord);
    return {};
  }
  const std::string word(trimmed(cell));
  if (!spec.vocabulary.empty() && std::ranges::count(spec.vocabulary, word) == 0) {
    column.words.push_back(TableColumn::kOtherWord);
    return {};
  }
  if (word.size() > limits::kCategoryNameMax || !is_utf8(word)) {
    return wrong(spec.name, "has a word that is over " + std::to_string(limits::kCategoryNameMax) +
                                " bytes or not UTF-8");
  }
  const auto found = std::ranges::find(column.dictionary, word);
  if (found == column.dictionary.end()) {
    if (column.dictionary.size() >= limits::kCategoriesMax) {
      return wrong(spec.name, "has more than " + std::to_string(limits::kCategoriesMax) +
                                  " different words; a text is no category, and where " +
                                  "few words matter the job can fix its vocabulary");
    }
    column.words.push_back(static_cast<std::uint32_t>(column.dictionary.size()));
    column.dictionary.push_back(word);
  } else {
    column.words.push_back(static_cast<std::uint32_t>(found - column.dictionary.begin()));
  }
  return {};
}

}  // namespace tributary
