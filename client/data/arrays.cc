// SPDX-License-Identifier: Apache-2.0
#include "client/data/arrays.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/limits.h"

namespace tributary {
namespace {

template <typename T>
double read_scalar(const std::byte* from, bool big_endian) {
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), from, sizeof(T));
  if (big_endian) std::ranges::reverse(bytes);
  return static_cast<double>(std::bit_cast<T>(bytes));
}

// The values of both stand in the same order: equal but for dimensions of one, as the channel of
// grey pictures, or flattened by the job. Pictures with channels last are not those with channels
// first.
bool same_layout(std::vector<std::int64_t> file, std::vector<std::int64_t> job) {
  if (job.size() == 1) return product_of(file) == product_of(job);
  std::erase(file, 1);
  std::erase(job, 1);
  return file == job;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

Error wrong(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

Status add_inputs(const Array& inputs, ExampleSet& to) {
  to.inputs.resize(inputs.count());
  for (std::size_t i = 0; i < to.inputs.size(); ++i) {
    to.inputs[i] = static_cast<float>(inputs.at(i));
    if (!std::isfinite(to.inputs[i])) return wrong("an input is no finite number");
  }
  return {};
}

Status check_label_shape(const Array& labels, const DataSpec& spec, std::int64_t rows) {
  if (labels.shape.empty()) return wrong("labels need rows first");
  if (labels.shape[0] != rows) {
    return wrong("there are " + std::to_string(rows) + " inputs and " +
                 std::to_string(labels.shape[0]) + " labels");
  }
  const std::vector<std::int64_t> shape(labels.shape.begin() + 1, labels.shape.end());
  if (spec.target_shape.empty())
    return product_of(shape) == 1 ? Status{} : wrong("labels need rows first, one value a row");
  if (same_layout(shape, spec.target_shape)) return {};
  return wrong("the labels of an example have the shape " + shape_text(shape) +
               ", and the job wants " + shape_text(spec.target_shape));
}

// A place without a label is -1, and so is a row where the job learns from such rows too.
Status add_labels(const Array& labels, const DataSpec& spec, ExampleSet& to) {
  const std::int64_t classes = spec.target == TargetKind::kBinary ? 2 : spec.classes;
  for (std::size_t i = 0; i < labels.count(); ++i) {
    double label = labels.at(i);
    if (!std::isfinite(label)) return wrong("a label is no finite number");
    if (spec.target == TargetKind::kRegression) {
      to.targets.push_back(static_cast<float>(label));
      continue;
    }
    if (label == -1.0 && (labels_places(spec.target) || spec.keep_unlabelled)) {
      to.labels.push_back(-1);
      continue;
    }
    if (spec.positive_above) label = label > *spec.positive_above ? 1.0 : 0.0;
    if (label != std::floor(label) || label < 0 || label >= static_cast<double>(classes)) {
      return wrong("a label is none of the classes 0 to " + std::to_string(classes - 1));
    }
    to.labels.push_back(static_cast<std::int64_t>(label));
  }
  return {};
}

}  // namespace

std::size_t scalar_bytes(ScalarType type) {
  switch (type) {
    case ScalarType::kU8:
    case ScalarType::kI8:
    case ScalarType::kBool:
      return 1;
    case ScalarType::kI16:
    case ScalarType::kU16:
      return 2;
    case ScalarType::kI32:
    case ScalarType::kU32:
    case ScalarType::kF32:
      return 4;
    case ScalarType::kI64:
    case ScalarType::kF64:
      return 8;
  }
  return 1;
}

double Array::at(std::size_t index) const {
  const std::byte* from = bytes.data() + index * scalar_bytes(type);
  switch (type) {
    case ScalarType::kBool:
    case ScalarType::kU8:
      return static_cast<double>(std::to_integer<std::uint8_t>(*from));
    case ScalarType::kI8:
      return read_scalar<std::int8_t>(from, big_endian);
    case ScalarType::kI16:
      return read_scalar<std::int16_t>(from, big_endian);
    case ScalarType::kU16:
      return read_scalar<std::uint16_t>(from, big_endian);
    case ScalarType::kI32:
      return read_scalar<std::int32_t>(from, big_endian);
    case ScalarType::kU32:
      return read_scalar<std::uint32_t>(from, big_endian);
    case ScalarType::kI64:
      return read_scalar<std::int64_t>(from, big_endian);
    case ScalarType::kF32:
      return read_scalar<float>(from, big_endian);
    case ScalarType::kF64:
      return read_scalar<double>(from, big_endian);
  }
  return 0.0;
}

std::optional<std::uint64_t> product_of(const std::vector<std::int64_t>& shape) {
  std::uint64_t product = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(product, static_cast<std::uint64_t>(size), &product))
      return std::nullopt;
  }
  return product <= limits::kDatasetBytesMax ? std::optional(product) : std::nullopt;
}

Result<ExampleSet> examples_of(const Array& inputs, const Array* labels, const DataSpec& spec) {
  if (inputs.shape.empty()) return wrong("inputs need rows first");
  const std::vector<std::int64_t> shape(inputs.shape.begin() + 1, inputs.shape.end());
  if (!same_layout(shape, spec.input_shape)) {
    return wrong("an example of the site has the shape " + shape_text(shape) +
                 ", data.input_shape is " + shape_text(spec.input_shape));
  }
  ExampleSet examples;
  examples.rows = inputs.shape[0];
  examples.input_shape = spec.input_shape;
  if (spec.target != TargetKind::kUnlabelled) {
    if (labels == nullptr) {
      return wrong(
          "the job's data.task wants labels, and the site's dataset names no file or array of "
          "them");
    }
    TRIB_CHECK_OK(check_label_shape(*labels, spec, examples.rows));
    examples.target_shape = spec.target_shape;
    TRIB_CHECK_OK(add_labels(*labels, spec, examples));
  }
  TRIB_CHECK_OK(add_inputs(inputs, examples));
  return examples;
}

}  // namespace tributary
