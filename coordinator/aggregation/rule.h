// SPDX-License-Identifier: Apache-2.0
// AggregationRule: a plug-in that joins a round's updates to one. Of three kinds, by what it has to
// see: one update at a time (StreamedRule), facts about all of them (CombinedRule), or the values
// of all of them for each weight of the model (ColumnRule). None reads a file or holds a model: the
// facade does, in blocks. Factories are constants, any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <variant>

#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/row_kernels.h"
#include "coordinator/aggregation/row_facts.h"

namespace tributary {

// Folds each update into the exact sum when it comes.
struct StreamedRule {
  // The integer weight of an update of `examples` rows: 1 to spec.example_cap.
  std::uint64_t (*weight)(const AggregationSpec& spec, std::uint64_t examples);
};

// The sum of factor * row.
struct CombinedRule {
  bool wants_products;
  // One factor for each row.
  Result<std::vector<double>> (*factors)(const OptionMap& options, const RowFacts& rows);
};

// A function of the values that the rows have for one weight of the model.
struct ColumnPlan {
  std::vector<std::size_t> rows;  // those that it looks at
  // One result for each column of a block of those rows; called from several threads at once.
  std::function<void(const RowBlock& block, std::span<double> into)> join;
};
struct ColumnRule {
  bool wants_products;
  Result<ColumnPlan> (*plan)(const OptionMap& options, const RowFacts& rows);
};

struct AggregationRule {
  std::string_view name;
  std::string_view help;
  std::variant<StreamedRule, CombinedRule, ColumnRule> how;
  // The fewest rows for which the rule is defined.
  std::size_t (*rows_min)(const OptionMap& options) = [](const OptionMap&) {
    return std::size_t{1};
  };

  bool streams() const { return std::holds_alternative<StreamedRule>(how); }
  bool wants_products() const;
};

std::span<const AggregationRule* const> rule_table();  // generated
Result<const AggregationRule*> find_rule(std::string_view name);

// The option `byzantine`: how many of the rows may be anything.
std::size_t byzantine_of(const OptionMap& options);
// Rows 0, 1, ... count - 1.
std::vector<std::size_t> all_rows(std::size_t count);

}  // namespace tributary
