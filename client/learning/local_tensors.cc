// SPDX-License-Identifier: Apache-2.0
#include "client/learning/local_tensors.h"

#include <fnmatch.h>

#include <algorithm>
#include <functional>
#include <string>

#include "common/base/text.h"

namespace tributary {
namespace {

bool matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

// The place of each tensor that stays.
void for_each_local(const TrainSpec& train, const Layout& layout,
                    const std::function<void(std::size_t at, std::size_t count)>& visit) {
  std::size_t at = 0;
  for (const TensorInfo& tensor : layout.tensors) {
    const std::size_t count = element_count(tensor);
    if (stays_local(train, tensor.name)) visit(at, count);
    at += count;
  }
}

}  // namespace

bool stays_local(const TrainSpec& train, const std::string& tensor) {
  return std::ranges::any_of(
      train.keep_local, [&tensor](const std::string& pattern) { return matches(pattern, tensor); });
}

Status check_local(const TrainSpec& train, const Layout& layout) {
  for (const std::string& pattern : train.keep_local) {
    const auto named = [&pattern](const TensorInfo& one) { return matches(pattern, one.name); };
    if (std::ranges::any_of(layout.tensors, named)) continue;
    return make_error(ErrorCode::kInvalidArgument,
                      "train.keep_local: the model has no tensor " + tributary::quoted(pattern));
  }
  const auto travels = [&train](const TensorInfo& one) { return !stays_local(train, one.name); };
  if (layout.tensors.empty() || std::ranges::any_of(layout.tensors, travels)) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "train.keep_local: no tensor of the model is left to train together");
}

std::vector<float> take_local(const TrainSpec& train, const Layout& layout,
                              std::span<const float> values) {
  std::vector<float> kept;
  for_each_local(train, layout, [&](std::size_t at, std::size_t count) {
    const auto tensor = values.subspan(at, count);
    kept.insert(kept.end(), tensor.begin(), tensor.end());
  });
  return kept;
}

void put_local(const TrainSpec& train, std::span<const float> kept, Model& model) {
  std::size_t wanted = 0;
  for_each_local(train, model.layout, [&](std::size_t, std::size_t count) { wanted += count; });
  if (kept.size() != wanted) return;
  for_each_local(train, model.layout, [&](std::size_t at, std::size_t count) {
    std::ranges::copy(kept.first(count), model.values.begin() + static_cast<std::ptrdiff_t>(at));
    kept = kept.subspan(count);
  });
}

}  // namespace tributary
