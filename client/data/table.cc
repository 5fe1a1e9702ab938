// SPDX-License-Identifier: Apache-2.0
#include "client/data/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "client/data/cells.h"
#include "common/base/limits.h"
#include "common/base/text.h"

namespace tributary {
namespace {

constexpr int kUnused = -1;
constexpr int kLabel = -2;

Error wrong(const std::string& column, const std::string& what) {
  return make_error(ErrorCode::kInvalidArgument, "column '" + column + "' " + what);
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
  const bool unlabelled = label < cells.size() && is_missing(cells[label]);
  if (unlabelled && !spec_.keep_unlabelled) {
    ++table_.unlabelled;
    return {};
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (roles_[i] == kUnused) continue;
    if (roles_[i] == kLabel && unlabelled) {
      table_.labels.push_back(-1);
      continue;
    }
    Status added = roles_[i] == kLabel ? add_label(cells[i])
                                       : add_cell(static_cast<std::size_t>(roles_[i]), cells[i]);
    if (added) continue;
    drop_half_row();
    return added;
  }
  ++table_.rows;
  return {};
}

void TableBuilder::drop_half_row() {
  const auto cut = [this](auto& values) {
    if (values.size() > table_.rows) values.resize(table_.rows);
  };
  for (TableColumn& column : table_.features) {
    cut(column.numbers);
    cut(column.words);
  }
  cut(table_.labels);
  cut(table_.targets);
}

Status TableBuilder::add_label(const std::string& cell) {
  TRIB_TRY(label, label_of(spec_, "column '" + spec_.label + "'", cell));
  if (spec_.target == TargetKind::kRegression) {
    table_.targets.push_back(static_cast<float>(label));
  } else {
    table_.labels.push_back(static_cast<std::int64_t>(label));
  }
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
      // No fault of a row, and none that may be passed over.
      return make_error(ErrorCode::kResourceExhausted,
                        "column '" + spec.name + "' has more than " +
                            std::to_string(limits::kCategoriesMax) +
                            " different words; a text is no category, and where few words matter "
                            "the job can fix its vocabulary");
    }
    column.words.push_back(static_cast<std::uint32_t>(column.dictionary.size()));
    column.dictionary.push_back(word);
  } else {
    column.words.push_back(static_cast<std::uint32_t>(found - column.dictionary.begin()));
  }
  return {};
}

}  // namespace tributary
