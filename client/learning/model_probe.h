// SPDX-License-Identifier: Apache-2.0
// ModelProbe: a model that is asked what it says and what that follows from: outputs, their
// gradients at the inputs, what its last convolution gave. For those who explain (client/explain).
// One owner, one thread. No Torch in this header. It does not train, and knows no labels.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

// Of some rows; both arrays are [rows, channels, height, width].
struct FeatureMaps {
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<float> values;
  std::vector<float> gradients;  // of the wanted output by each value
};

// `inputs` are whole rows, one after the other. `wanted` has an output for each row, by its number.
class ModelProbe {
 public:
  virtual ~ModelProbe() = default;
  virtual std::int64_t outputs_of_row() const = 0;
  // [rows, outputs_of_row()]: logits, or values of a regression.
  virtual Result<std::vector<float>> outputs(std::span<const float> inputs) = 0;
  // Of each row's wanted output by its inputs: as `inputs`. kFailedPrecondition where no gradient
  // reaches them, as where they are ids.
  virtual Result<std::vector<float>> gradients(std::span<const float> inputs,
                                               std::span<const std::int64_t> wanted) = 0;
  // Of the last convolution over pictures, behind its activation where it has one;
  // kFailedPrecondition where the model has none.
  virtual Result<FeatureMaps> feature_maps(std::span<const float> inputs,
                                           std::span<const std::int64_t> wanted) = 0;
};

// In this process, and as it is judged, so without dropout. `module_file`: as in learner.h; a site
// opens it in a confined process only (client/confined/confined_probe.h). kInvalidArgument where a
// row has labels at several places.
Result<std::unique_ptr<ModelProbe>> probe_model(const JobSpec& job, const Model& model,
                                                const std::vector<std::int64_t>& input_shape,
                                                int threads, ByteView module_file);

}  // namespace tributary
