// SPDX-License-Identifier: Apache-2.0
// The scores of Krum (Blanchard, El Mhamdi, Guerraoui, Stainer 2017, "Machine Learning with
// Adversaries"): the sum of the squared distances of a row to its n - f - 2 nearest other rows.
// (Some libraries take n - f and count the row itself; that is another rule.) Plain functions, any
// thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/domain/job_spec.h"
#include "coordinator/aggregation/row_facts.h"

namespace tributary {

// The rows of `among` from the lowest score to the highest, ties in the order of `among`; the
// scores are taken among these rows only.
std::vector<std::size_t> krum_order(const RowFacts& rows, std::span<const std::size_t> among,
                                    std::size_t byzantine);

// n >= 2 f + 3
std::size_t krum_rows_min(const OptionMap& options);

}  // namespace tributary
