// SPDX-License-Identifier: Apache-2.0
// The page that tells how like made rows are to a site's real ones. Plain function, any thread. No
// files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/synthetic/likeness.h"
#include "client/synthetic/usefulness.h"
#include "common/base/result.h"

namespace tributary {

// kFull has histograms of the site's rows, and pictures that are its rows: it is for the site.
// kSummary has no more than figures, which are of all rows together.
enum class Detail { kFull, kSummary };

struct ReportInput {
  std::string job;
  std::string family;
  std::uint64_t seed = 1;
  // What all rounds of the job spend of a record here; none: the job promises nothing.
  std::optional<double> epsilon;
  double delta = 0.0;
  const ExampleSet& training;
  const ExampleSet& held_out;
  const ExampleSet& made;
  const Likeness& likeness;
  std::vector<Usefulness> usefulness = {};
  std::string not_judged = {};  // why there is no usefulness; empty: nobody asked
};

// HTML in one file. Rows of shape [1, height, width] or [3, height, width] are shown as pictures.
Result<std::string> synthetic_report(const ReportInput& input, Detail detail);

}  // namespace tributary
