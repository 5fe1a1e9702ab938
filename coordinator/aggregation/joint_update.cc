// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/joint_update.h"

#include <algorithm>
#include <string>

#include "common/base/assert.h"
#include "common/tensor/row_kernels.h"

namespace tributary {
namespace {

// Columns of a block that are one part of the work.
constexpr std::size_t kColumnsAPart = 1024;

std::vector<const float*> shifted(std::span<const float* const> rows, std::size_t by) {
  std::vector<const float*> starts(rows.begin(), rows.end());
  for (const float*& start : starts) start += by;
  return starts;
}

std::string with_byzantine(std::string_view name, const OptionMap& options) {
  std::string text(name);
  if (options.contains("byzantine"))
    text += " with byzantine: " + std::to_string(byzantine_of(options));
  return text;
}

Status enough(const std::string& who, std::size_t wanted, std::size_t there,
              const std::string& what) {
  if (there >= wanted) return {};
  return make_error(ErrorCode::kInvalidArgument, who + " needs at least " + std::to_string(wanted) +
                                                     " " + what + ", and there are " +
                                                     std::to_string(there));
}

// A combined rule asks for norms, and those of means follow from the products.
bool wants_products(const JointRule& joint, bool mixes) {
  return joint.rule.wants_products() || joint.before.wants_products ||
         (mixes && std::holds_alternative<CombinedRule>(joint.rule.how));
}

// What the updates are multiplied by; empty: by nothing, the plan's rows are updates.
struct Decision {
  Matrix mix;
  ColumnPlan plan;
};

Matrix rows_of(const Matrix& mix, const std::vector<std::size_t>& which) {
  Matrix of(which.size(), mix.columns);
  for (std::size_t r = 0; r < which.size(); ++r) std::ranges::copy(mix.row(which[r]), &of.at(r, 0));
  return of;
}

Result<Decision> decide(const AggregationRule& rule, const OptionMap& options,
                        const RowFacts& facts, const Matrix& mix) {
  if (const auto* columns = std::get_if<ColumnRule>(&rule.how)) {
    TRIB_TRY(plan, columns->plan(options, facts));
    Matrix chosen = mix.empty() ? Matrix() : rows_of(mix, plan.rows);
    return Decision{std::move(chosen), std::move(plan)};
  }
  TRIB_TRY(factors, std::get<CombinedRule>(rule.how).factors(options, facts));
  Matrix sum(1, mix.empty() ? factors.size() : mix.columns);
  if (mix.empty()) {
    sum.values = std::move(factors);
  } else {
    for (std::size_t r = 0; r < mix.rows; ++r) {
      for (std::size_t c = 0; c < mix.columns; ++c) sum.values[c] += factors[r] * mix.at(r, c);
    }
  }
  return Decision{std::move(sum), {}};
}

// Leaves out the columns of updates that count nowhere, and gives the others.
std::vector<std::size_t> keep_used(Matrix& mix) {
  std::vector<std::size_t> used;
  for (std::size_t c = 0; c < mix.columns; ++c) {
    bool counts = false;
    for (std::size_t r = 0; r < mix.rows; ++r) counts = counts || mix.at(r, c) != 0.0;
    if (counts) used.push_back(c);
  }
  Matrix kept(mix.rows, used.size());
  for (std::size_t r = 0; r < mix.rows; ++r) {
    for (std::size_t k = 0; k < used.size(); ++k) kept.at(r, k) = mix.at(r, used[k]);
  }
  mix = std::move(kept);
  return used;
}

}  // namespace

Result<std::unique_ptr<JointUpdate>> JointUpdate::open(const JointRule& joint,
                                                       const AggregationSpec& spec,
                                                       const UpdateSet& updates,
                                                       const Layout& layout, std::uint64_t seed,
                                                       ParallelFor parallel) {
  TRIB_CHECK_OK(enough(with_byzantine(joint.before.name, spec.before.options),
                       joint.before.updates_min(spec.before.options), updates.size(), "updates"));
  RowFacts facts = updates.facts(spec.root());
  const bool mixes = joint.before.name != "none";
  if (wants_products(joint, mixes)) {
    TRIB_TRY(products, updates.products(layout, parallel));
    facts.products = std::move(products);
  }
  const Matrix mix = joint.before.mix(spec.before.options, facts, seed);
  if (!mix.empty()) facts = facts_of_mix(mix, facts);
  const std::string what = mix.empty() ? "updates" : "means of " + std::string(joint.before.name);
  TRIB_CHECK_OK(enough(with_byzantine(joint.rule.name, spec.rule.options),
                       joint.rule.rows_min(spec.rule.options), facts.rows(), what));
  TRIB_TRY(decision, decide(joint.rule, spec.rule.options, facts, mix));
  const std::vector<std::size_t> used =
      decision.mix.rows == 0 ? decision.plan.rows : keep_used(decision.mix);
  const std::size_t block = RowReader::block_size(used.size() + decision.mix.rows);
  TRIB_TRY(reader, updates.open(layout, used, block));
  return std::unique_ptr<JointUpdate>(new JointUpdate(std::move(reader), std::move(decision.mix),
                                                      std::move(decision.plan), block,
                                                      std::move(parallel)));
}

JointUpdate::JointUpdate(RowReader reader, Matrix mix, ColumnPlan plan, std::size_t block_size,
                         ParallelFor parallel)
    : reader_(std::move(reader)),
      mix_(std::move(mix)),
      plan_(std::move(plan)),
      block_size_(block_size),
      parallel_(std::move(parallel)) {
  if (plan_.join) rows_.resize(mix_.rows * block_size_);
}

Status JointUpdate::next(std::span<double> into) {
  for (std::size_t at = 0; at < into.size(); at += block_size_)
    TRIB_CHECK_OK(next_block(into.subspan(at, std::min(block_size_, into.size() - at))));
  return {};
}

Status JointUpdate::next_block(std::span<double> into) {
  TRIB_TRY(updates, reader_.read(into.size(), parallel_));
  parallel_((into.size() + kColumnsAPart - 1) / kColumnsAPart,
            [this, &block = updates, into](std::size_t part) {
              const std::size_t start = part * kColumnsAPart;
              join(block, start, into.subspan(start, std::min(kColumnsAPart, into.size() - start)));
            });
  return {};
}

void JointUpdate::join(const RowBlock& updates, std::size_t start, std::span<double> into) {
  const std::vector<const float*> starts = shifted(updates.rows, start);
  const RowBlock part{starts, into.size()};
  if (!plan_.join) return combine_rows(part, mix_.values, into);
  if (mix_.rows == 0) return plan_.join(part, into);
  mix_rows(part, start);
  std::vector<const float*> mixed;
  for (std::size_t r = 0; r < mix_.rows; ++r)
    mixed.push_back(rows_.data() + r * block_size_ + start);
  plan_.join({mixed, into.size()}, into);
}

// As floats, as the updates are: a rule compares values, and a mean of floats is no better known.
void JointUpdate::mix_rows(const RowBlock& updates, std::size_t start) {
  std::vector<double> sum(updates.count);
  for (std::size_t r = 0; r < mix_.rows; ++r) {
    combine_rows(updates, mix_.row(r), sum);
    float* row = rows_.data() + r * block_size_ + start;
    for (std::size_t c = 0; c < sum.size(); ++c) row[c] = static_cast<float>(sum[c]);
  }
}

}  // namespace tributary
