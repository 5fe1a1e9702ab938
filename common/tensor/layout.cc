// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/layout.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "common/base/limits.h"
#include "common/base/text.h"

namespace tributary {
namespace {

std::string describe(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

Status validate_tensor(const TensorInfo& tensor, std::uint64_t& total) {
  const auto wrong = [&tensor](const std::string& what) {
    return make_error(ErrorCode::kInvalidArgument,
                      "tensor " + tributary::quoted(tensor.name) + " " + what);
  };
  if (tensor.name.empty() || tensor.name.size() > limits::kTensorNameMax || !is_utf8(tensor.name)) {
    return wrong("has no usable name: 1 to " + std::to_string(limits::kTensorNameMax) +
                 " bytes of UTF-8");
  }
  if (tensor.shape.size() > limits::kTensorRankMax) {
    return wrong("has more than " + std::to_string(limits::kTensorRankMax) + " dimensions");
  }
  std::uint64_t count = 1;
  for (const std::int64_t size : tensor.shape) {
    if (size < 0) return wrong("has a negative dimension");
    if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(size), &count))
      return wrong("is too large");
  }
  total += count;
  if (count > limits::kBlobBytesMax / sizeof(float) ||
      total > limits::kBlobBytesMax / sizeof(float)) {
    return wrong("is too large");
  }
  return {};
}

}  // namespace

std::size_t element_count(const TensorInfo& tensor) {
  std::size_t count = 1;
  for (const std::int64_t size : tensor.shape) count *= static_cast<std::size_t>(size);
  return count;
}

std::size_t Layout::element_count() const {
  std::size_t count = 0;
  for (const TensorInfo& tensor : tensors) count += tributary::element_count(tensor);
  return count;
}

Status validate_layout(const Layout& layout) {
  if (layout.tensors.size() > limits::kTensorsMax) {
    return make_error(ErrorCode::kResourceExhausted,
                      "a model has more than " + std::to_string(limits::kTensorsMax) + " tensors");
  }
  std::set<std::string_view> names;
  std::uint64_t total = 0;
  for (const TensorInfo& tensor : layout.tensors) {
    TRIB_CHECK_OK(validate_tensor(tensor, total));
    if (!names.insert(tensor.name).second) {
      return make_error(ErrorCode::kInvalidArgument,
                        "tensor " + tributary::quoted(tensor.name) + " stands twice in the model");
    }
  }
  return {};
}

std::string layout_difference(const Layout& expected, const Layout& got) {
  const std::size_t common = std::min(expected.tensors.size(), got.tensors.size());
  for (std::size_t i = 0; i < common; ++i) {
    const TensorInfo& want = expected.tensors[i];
    const TensorInfo& have = got.tensors[i];
    if (want.name != have.name) {
      return "tensor " + std::to_string(i) + " is " + tributary::quoted(have.name) + ", not " +
             tributary::quoted(want.name);
    }
    if (want.shape != have.shape) {
      return "tensor " + tributary::quoted(have.name) + " is " + describe(have.shape) + ", not " +
             describe(want.shape);
    }
  }
  if (expected.tensors.size() != got.tensors.size()) {
    return "there are " + std::to_string(got.tensors.size()) + " tensors, not " +
           std::to_string(expected.tensors.size());
  }
  return {};
}

}  // namespace tributary
