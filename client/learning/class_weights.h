// SPDX-License-Identifier: Apache-2.0
// How much the classes of a loss count at a site (train.class_weights). Plain function, any thread.
#pragma once

#include <vector>

#include "client/data/example_set.h"
#include "common/domain/job_spec.h"

namespace tributary {

// One weight for each class, of a binary task {negative, positive}; empty: all alike. `balanced` is
// n / (k n_c) of the site's own n labels, n_c of class c of k (King and Zeng 2001): each class as a
// whole counts as much as another. A class that no row of the site has gets 0, which nothing reads.
// Labels are classes of the job, or -1 where a place has none.
std::vector<double> class_weights_at(const JobSpec& job, const ExampleSet& training);

}  // namespace tributary
