// SPDX-License-Identifier: Apache-2.0
#include "client/learning/generator.h"

#include <algorithm>
#include <cmath>

#include "client/learning/layers.h"
#include "client/learning/torch_model.h"

namespace tributary {
namespace {

Status check_family(const ModelFamily& family) {
  if (family.generates) return {};
  std::string known;
  for (const ModelFamily* one : family_table()) {
    if (one->generates) known += (known.empty() ? "" : ", ") + std::string(one->name);
  }
  return make_error(ErrorCode::kInvalidArgument, "a model of family " + std::string(family.name) +
                                                     " makes no rows; families that do: " + known);
}

Status check_groups(const std::vector<WordGroup>& groups, std::int64_t inputs) {
  for (const WordGroup& group : groups) {
    if (group.count >= 2 && group.first + group.count <= static_cast<std::size_t>(inputs)) continue;
    return make_error(ErrorCode::kInvalidArgument,
                      "a category has two words at least, which are inputs of the model");
  }
  return {};
}

// The largest of each group's inputs is 1, whatever the model gave.
void choose_words(std::span<float> row, const std::vector<WordGroup>& groups) {
  for (const WordGroup& group : groups) {
    const auto words = row.subspan(group.first, group.count);
    const auto best = std::ranges::max_element(words) - words.begin();
    std::ranges::fill(words, 0.0F);
    words[static_cast<std::size_t>(best)] = 1.0F;
  }
}

}  // namespace

Result<ExampleSet> generate(const GenerateRequest& request) {
  return guarded("making rows", [&]() -> Result<ExampleSet> {
    use_threads(1);
    const std::int64_t inputs = features_of(request.input_shape);
    TRIB_TRY(family, find_family(request.job.model.name));
    TRIB_CHECK_OK(check_family(*family));
    TRIB_CHECK_OK(check_groups(request.groups, inputs));
    if (request.rows < 1 || request.rows > kMadeValuesMax / std::max<std::int64_t>(inputs, 1)) {
      return make_error(ErrorCode::kInvalidArgument,
                        std::to_string(request.rows) + " rows are not possible: 1 to " +
                            std::to_string(kMadeValuesMax / std::max<std::int64_t>(inputs, 1)) +
                            " of them are");
    }
    if (!std::ranges::all_of(request.model.values, [](float x) { return std::isfinite(x); }))
      return make_error(ErrorCode::kFailedPrecondition, "the model's values are no finite numbers");
    TRIB_TRY(model, build_model(request.job, request.input_shape, {}));
    TRIB_CHECK_OK(load_values(*model, request.model));
    const torch::NoGradGuard no_gradients;
    model->set_training(false);
    const torch::Tensor made =
        model->generate(request.rows, request.seed, request.groups).contiguous();
    if (made.numel() != request.rows * inputs)
      return make_error(ErrorCode::kInternal, "rows of another size than the inputs");
    ExampleSet rows;
    rows.input_shape = request.input_shape;
    rows.rows = request.rows;
    const auto values = values_of(made);
    rows.inputs.assign(values.begin(), values.end());
    const auto width = static_cast<std::size_t>(inputs);
    for (std::size_t at = 0; at < rows.inputs.size(); at += width)
      choose_words(std::span(rows.inputs).subspan(at, width), request.groups);
    return rows;
  });
}

}  // namespace tributary
