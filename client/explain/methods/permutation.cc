// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "client/explain/method.h"
#include "client/learning/scores.h"
#include "common/base/random_source.h"
#include "common/domain/evaluation.h"

namespace tributary {
namespace {

// How well outputs fit the rows' labels; less is better only of the loss.
Result<double> score_of(const Subject& subject, const std::vector<float>& outputs) {
  ScoreSheet sheet(subject.job.data, subject.model.outputs_of_row());
  const bool measured = subject.job.data.target == TargetKind::kRegression;
  TRIB_CHECK_OK(measured ? sheet.add_measured(outputs, subject.rows.targets)
                         : sheet.add_classified(outputs, subject.rows.labels));
  TRIB_TRY(counts, sheet.counts());
  const EvaluationFigures figures = figures_of(counts);
  const std::string& wanted = subject.options.score;
  if (wanted == "loss") return figures.loss;
  const std::optional<double> score = wanted == "auc" ? figures.auc : figures.accuracy;
  if (score) return *score;
  return make_error(ErrorCode::kInvalidArgument,
                    "there is no " + wanted +
                        " of these rows: accuracy is for classes, auc for two of them that are "
                        "both there; take loss");
}

// In each repetition a feature's values come in another order of the rows, all its inputs together.
Result<Explanation> explain(const Subject& subject) {
  const auto inputs = subject.features.inputs();
  const std::size_t width = inputs_of_row(subject);
  const std::size_t rows = static_cast<std::size_t>(subject.rows.rows);
  TRIB_TRY(given, subject.model.outputs(subject.rows.inputs));
  TRIB_TRY(whole, score_of(subject, given));
  const double sign = subject.options.score == "loss" ? -1.0 : 1.0;
  Explanation found{{}, subject.options.repeats};
  std::vector<float> changed(subject.rows.inputs.begin(), subject.rows.inputs.end());
  std::vector<std::size_t> order(rows);
  for (std::int64_t repeat = 0; repeat < subject.options.repeats; ++repeat) {
    SeededRandom random(
        derive_seed(subject.options.seed, "permutation", static_cast<std::uint64_t>(repeat)));
    for (const auto& of_feature : inputs) {
      std::iota(order.begin(), order.end(), std::size_t{0});
      random.shuffle(order);
      const auto put = [&](auto from) {
        for (std::size_t row = 0; row < rows; ++row) {
          for (const std::uint32_t input : of_feature)
            changed[row * width + input] = subject.rows.inputs[from(row) * width + input];
        }
      };
      put([&order](std::size_t row) { return order[row]; });
      TRIB_TRY(outputs, subject.model.outputs(changed));
      TRIB_TRY(score, score_of(subject, outputs));
      found.values.push_back(sign * (whole - score));
      put([](std::size_t row) { return row; });
    }
  }
  return found;
}

}  // namespace

const ExplainMethod& permutation_explain_method() {
  static constexpr ExplainMethod kMethod{
      .name = "permutation",
      .help =
          "how much worse the model is where a feature's values are dealt out anew among the "
          "rows (Breiman 2001, Fisher et al. 2019)",
      .unit = "what the score loses",
      .of_rows = false,
      .pictures = false,
      .explain = explain};
  return kMethod;
}

}  // namespace tributary
