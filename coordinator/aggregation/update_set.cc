// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/update_set.h"

#include <algorithm>
#include <optional>

#include "common/base/assert.h"
#include "common/tensor/kernels.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

// Values of all rows that are held at a time: 1 MiB, which stays in a cache, and more only for so
// many rows that a read of each would be too small.
constexpr std::size_t kBudget = (1u << 20) / sizeof(float);
constexpr std::size_t kReadMin = 2 * kProductValues;
// Rows whose products are one part of the work.
constexpr std::size_t kRowsAPart = 8;
// Between rows, so that they do not all fall into the same set of a cache.
constexpr std::size_t kGap = 16;
static_assert(kBlockValues % kProductValues == 0);

Error of_site(Error error, const std::string& site) {
  return std::move(error).with_context("update of " + site);
}

}  // namespace

std::size_t RowReader::block_size(std::size_t rows) {
  const std::size_t fits = kBudget / std::max<std::size_t>(rows, 1);
  return std::clamp(fits / kProductValues * kProductValues, kReadMin, kBlockValues);
}

Status RowReader::read_row(std::size_t r, std::size_t count) {
  Result<std::size_t> got = rows_[r].values->read(std::span(block_).subspan(r * stride_, count));
  if (!got) return of_site(std::move(got).error(), rows_[r].site);
  if (*got == count) return {};
  return of_site({ErrorCode::kDataLoss, "the update is shorter than its layout"}, rows_[r].site);
}

Result<RowBlock> RowReader::read(std::size_t count, const ParallelFor& parallel) {
  TRIB_ASSERT(count + kGap <= stride_, "more than a block");
  std::vector<std::optional<Error>> failed(rows_.size());
  parallel(rows_.size(), [&](std::size_t r) {
    Status status = read_row(r, count);
    if (!status) failed[r] = std::move(status).error();
  });
  for (std::optional<Error>& one : failed) {
    if (one) return *std::move(one);
  }
  return RowBlock{starts_, count};
}

Status UpdateSet::add(UpdateFacts facts, double weight, OpenUpdate open) {
  const auto place = std::ranges::lower_bound(
      updates_, facts.site, {}, [](const Update& one) -> const auto& { return one.facts.site; });
  if (place != updates_.end() && place->facts.site == facts.site)
    return make_error(ErrorCode::kInvalidArgument, "a second update of " + facts.site);
  if (updates_.size() == kUpdatesTogetherMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "more than " + std::to_string(kUpdatesTogetherMax) +
                          " updates, which is as many as a rule sees together");
  }
  updates_.insert(place, {std::move(facts), weight, std::move(open)});
  return {};
}

RowFacts UpdateSet::facts(const std::optional<SiteName>& root) const {
  RowFacts facts;
  for (const Update& one : updates_) {
    if (root && one.facts.site == root->value) facts.root = facts.rows();
    facts.weights.push_back(one.weight);
    facts.losses.push_back(one.facts.loss);
    facts.norms.push_back(one.facts.norm);
  }
  return facts;
}

Result<Matrix> UpdateSet::products(const Layout& layout, const ParallelFor& parallel) const {
  Matrix products(size(), size());
  const std::size_t all = layout.element_count(), step = RowReader::block_size(size());
  TRIB_TRY(reader, open(layout, all_rows(size()), step));
  for (std::size_t at = 0; at < all; at += step) {
    TRIB_TRY(block, reader.read(std::min(step, all - at), parallel));
    parallel((size() + kRowsAPart - 1) / kRowsAPart, [&, &rows = block](std::size_t part) {
      const std::size_t first = part * kRowsAPart;
      add_products(rows, first, std::min(first + kRowsAPart, size()), products.values);
    });
  }
  for (std::size_t i = 0; i < size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) products.at(j, i) = products.at(i, j);
  }
  return products;
}

Result<RowReader> UpdateSet::open(const Layout& layout, const std::vector<std::size_t>& which,
                                  std::size_t block) const {
  RowReader reader;
  for (const std::size_t index : which) {
    const Update& one = updates_[index];
    Result<std::unique_ptr<ValueSource>> values = one.open();
    if (!values) return of_site(std::move(values).error(), one.facts.site);
    if ((*values)->layout() != layout) {
      return of_site({ErrorCode::kDataLoss, layout_difference(layout, (*values)->layout())},
                     one.facts.site);
    }
    reader.rows_.push_back({one.facts.site, *std::move(values)});
  }
  reader.stride_ = std::min(block, layout.element_count()) + kGap;
  reader.block_.resize(which.size() * reader.stride_);
  for (std::size_t r = 0; r < which.size(); ++r)
    reader.starts_.push_back(reader.block_.data() + r * reader.stride_);
  return reader;
}

}  // namespace tributary
