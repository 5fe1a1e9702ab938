// SPDX-License-Identifier: Apache-2.0
// ModelFamily: a plug-in that builds a trainable model from a job's options. Factories are
// constants, any thread; a model belongs to one thread. Most families only list layers (layers.h)
// and so contain no Torch. It does not train.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

class TorchModel;  // torch_model.h
// Shared only because a shared pointer may be passed on where the class is incomplete; it has one
// owner.
using TorchModelPtr = std::shared_ptr<TorchModel>;

struct ModelRequest {
  const OptionMap& options;               // of job.model
  std::vector<std::int64_t> input_shape;  // of one example, e.g. {13} or {1, 28, 28}
  std::int64_t outputs = 1;  // 1 for binary (a logit) and regression, else the number of classes
  TargetKind target = TargetKind::kBinary;
  std::vector<std::int64_t>
      target_shape;      // of one example's labels, e.g. {28, 28} or {128}; empty: one
  ByteView module_file;  // the job's TorchScript module; empty where it has none
};

// Inputs of which one is 1 and all others are 0: the words of a category.
struct WordGroup {
  std::size_t first = 0;
  std::size_t count = 0;
};

struct ModelFamily {
  std::string_view name;
  std::string_view help;
  Result<TorchModelPtr> (*build)(const ModelRequest& request);
  // Inputs are ids: whole numbers from 0 to below this. Null, or 0: they are any numbers.
  std::int64_t (*ids)(const OptionMap& options) = nullptr;
  // Its models make rows that are nobody's (generator.h).
  bool generates = false;
};

std::span<const ModelFamily* const> family_table();  // generated
Result<const ModelFamily*> find_family(std::string_view name);

}  // namespace tributary
