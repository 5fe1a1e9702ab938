// SPDX-License-Identifier: Apache-2.0
// Whether one learns from made rows what one learns from real ones: the same small model, trained
// on either, judged on real rows that neither saw (train on synthetic, test on real; Esteban et al.
// 2017). Plain function, any thread; it takes seconds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/data/example_set.h"
#include "client/learning/learner.h"
#include "common/base/result.h"
#include "common/domain/data_plan.h"

namespace tributary {

struct Usefulness {
  std::string label;   // the column that is told from all others
  std::string figure;  // auc, accuracy, or the share of the variance that is told
  double on_real = 0.0;
  double on_made = 0.0;
  std::uint64_t real_rows = 0;  // that were trained on
  std::uint64_t made_rows = 0;
  std::uint64_t judged_rows = 0;
};

// One dense layer, 300 steps of adam over `label` by the other inputs. kInvalidArgument: no such
// column, or no other one; kFailedPrecondition: no held-out rows, or the figure is not defined for
// them, as where all are of one class.
Result<Usefulness> usefulness_of(const Learner& learner, const std::vector<InputColumn>& inputs,
                                 const std::string& label, const ExampleSet& training,
                                 const ExampleSet& held_out, const ExampleSet& made);

}  // namespace tributary
