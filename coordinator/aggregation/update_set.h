// SPDX-License-Identifier: Apache-2.0
// UpdateSet: the updates of a round whose rule sees them together: a few facts of each, and how to
// open its values again for each pass. In the order of the sites' names, whatever the order of
// arrival, so that everything computed of them has the same bits. Owned by RoundAggregate, one
// thread at a time. It holds no values.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/tensor/row_kernels.h"
#include "common/tensor/value_stream.h"
#include "coordinator/aggregation/parallel.h"
#include "coordinator/aggregation/row_facts.h"

namespace tributary {

struct UpdateFacts {
  std::string site;  // its name; one update each
  std::uint64_t examples = 0;
  double loss = 0.0;
  double norm = 0.0;
  std::uint64_t weight =
      0;  // that a rule which weighs gives it; 0: the rule's own, of its examples
};

using OpenUpdate = std::function<Result<std::unique_ptr<ValueSource>>()>;

// A block of each of several updates, side by side.
class RowReader {
 public:
  // Values of each row that are held at a time where there are `rows` of them: 1 MiB in all, up to
  // 4 where there are hundreds; a multiple of kProductValues.
  static std::size_t block_size(std::size_t rows);

  // The next `count` values of every row, at most the block that it was opened with; one row a
  // part.
  Result<RowBlock> read(std::size_t count, const ParallelFor& parallel);

 private:
  friend class UpdateSet;
  RowReader() = default;
  Status read_row(std::size_t r, std::size_t count);

  struct Row {
    std::string site;
    std::unique_ptr<ValueSource> values;
  };
  std::vector<Row> rows_;
  std::vector<const float*> starts_;
  std::size_t stride_ = 0;
  std::vector<float> block_;
};

class UpdateSet {
 public:
  // kInvalidArgument: the site has one already, or they are more than kUpdatesTogetherMax.
  Status add(UpdateFacts facts, double weight, OpenUpdate open);
  std::size_t size() const { return updates_.size(); }
  // Without products; the root's row where it has sent an update.
  RowFacts facts(const std::optional<SiteName>& root) const;
  // All dot products, in one pass over all updates.
  Result<Matrix> products(const Layout& layout, const ParallelFor& parallel) const;
  // From the first value on, the updates `which` in that order, in blocks of `block` values.
  Result<RowReader> open(const Layout& layout, const std::vector<std::size_t>& which,
                         std::size_t block) const;

 private:
  struct Update {
    UpdateFacts facts;
    double weight;
    OpenUpdate open;
  };
  std::vector<Update> updates_;  // by site
};

}  // namespace tributary
