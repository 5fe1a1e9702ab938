// SPDX-License-Identifier: Apache-2.0
// PldAccountant: composes privacy loss distributions (Koskela et al. 2020, arXiv 1906.03049). What
// it says is an upper bound, and a tight one: each distribution dominates the true one, what the
// transform leaves out or rounds is counted as infinite loss. Both directions, of which the worse
// counts. Events without sampling need no grid: they are one Gaussian mechanism, exactly. One
// thread at a time; a question costs tenths of a second where something is sampled.
#pragma once

#include <vector>

#include "common/privacy/accounting/dp_event.h"

namespace tributary {

class PldAccountant {
 public:
  explicit PldAccountant(Adjacency adjacency) : adjacency_(adjacency) {}

  // kInvalidArgument: check_event's, and samples of a fixed size, for which no tight bound is
  // known.
  Status add(const DpEvent& event);
  // `delta` in (0, 1). kFailedPrecondition: no epsilon has so small a delta.
  Result<double> epsilon(double delta) const;
  double delta(double epsilon) const;

 private:
  Adjacency adjacency_;
  double squared_mu_ = 0;  // of all that is not sampled, as one
  std::vector<DpEvent> sampled_;
};

}  // namespace tributary
