// SPDX-License-Identifier: Apache-2.0
#include "client/data/arrays.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr std::size_t kPieceBytes = 1u << 20;

template <typename T>
void convert(const std::byte* from, bool big_endian, std::span<double> to) {
  for (double& value : to) {
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), from, sizeof(T));
    if (big_endian) std::ranges::reverse(bytes);
    value = static_cast<double>(std::bit_cast<T>(bytes));
    from += sizeof(T);
  }
}

void convert(ScalarType type, const std::byte* from, bool big_endian, std::span<double> to) {
  switch (type) {
    case ScalarType::kBool:
    case ScalarType::kU8:
      return convert<std::uint8_t>(from, big_endian, to);
    case ScalarType::kI8:
      return convert<std::int8_t>(from, big_endian, to);
    case ScalarType::kI16:
      return convert<std::int16_t>(from, big_endian, to);
    case ScalarType::kU16:
      return convert<std::uint16_t>(from, big_endian, to);
    case ScalarType::kI32:
      return convert<std::int32_t>(from, big_endian, to);
    case ScalarType::kU32:
      return convert<std::uint32_t>(from, big_endian, to);
    case ScalarType::kI64:
      return convert<std::int64_t>(from, big_endian, to);
    case ScalarType::kF32:
      return convert<float>(from, big_endian, to);
    case ScalarType::kF64:
      return convert<double>(from, big_endian, to);
  }
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

Status read_exactly(const ReadBytes& read, MutableByteView into) {
  TRIB_TRY(got, read(into));
  if (got == into.size()) return {};
  return make_error(ErrorCode::kDataLoss, "is cut short");
}

std::uint64_t inflated_max(std::uint64_t file_bytes) {
  constexpr std::uint64_t kRatio = 1032, kSmallest = 64;
  return file_bytes > limits::kDatasetBytesMax ? limits::kDatasetBytesMax
                                               : kRatio * file_bytes + kSmallest;
}

Result<ArrayReader> ArrayReader::open(std::string name, ArrayHead head, ReadBytes read,
                                      std::uint64_t bytes_max) {
  const auto count = product_of(head.shape);
  const std::uint64_t bytes = count ? *count * scalar_bytes(head.type) : 0;
  if (!count || bytes > limits::kDatasetBytesMax) {
    return make_error(ErrorCode::kResourceExhausted,
                      "its shape is larger than any dataset may be, or none");
  }
  if (bytes > bytes_max)
    return make_error(ErrorCode::kDataLoss, "its data has not the size of its shape");
  ArrayReader reader(std::move(name), std::move(head), std::move(read));
  reader.bytes_left_ = bytes;
  return reader;
}

Status ArrayReader::fill() {
  const std::size_t width = scalar_bytes(head_.type);
  piece_.resize(
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes_left_, kPieceBytes / width * width)));
  at_ = 0;
  if (piece_.empty()) return make_error(ErrorCode::kDataLoss, "is cut short");
  bytes_left_ -= piece_.size();
  if (read_exactly(read_, piece_)) return {};
  return make_error(ErrorCode::kDataLoss,
                    "is damaged or cut short: its data has not the size of its shape");
}

Status ArrayReader::next(std::span<double> into) {
  const std::size_t width = scalar_bytes(head_.type);
  while (!into.empty()) {
    if (at_ == piece_.size()) TRIB_CHECK_OK(fill());
    const std::size_t count = std::min(into.size(), (piece_.size() - at_) / width);
    convert(head_.type, piece_.data() + at_, head_.big_endian, into.first(count));
    at_ += count * width;
    into = into.subspan(count);
  }
  return {};
}

Status ArrayReader::end() {
  std::array<std::byte, 1> more{};
  TRIB_TRY(left, read_(more));
  if (left == 0) return {};
  return make_error(ErrorCode::kDataLoss,
                    "has more bytes than its head says: its data has not the size of its shape");
}

std::optional<std::uint64_t> product_of(const std::vector<std::int64_t>& shape) {
  std::uint64_t product = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(product, static_cast<std::uint64_t>(size), &product))
      return std::nullopt;
  }
  return product <= limits::kDatasetBytesMax ? std::optional(product) : std::nullopt;
}

namespace {

Error wrong(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

std::vector<std::int64_t> of_one(const ArrayReader& array) {
  return {array.shape().begin() + 1, array.shape().end()};
}

Status check_shapes(const ArrayReader& inputs, const ArrayReader* labels, const DataSpec& spec) {
  if (inputs.shape().empty()) return wrong("inputs need rows first");
  if (!same_layout(of_one(inputs), spec.input_shape)) {
    return wrong("an example of the site has the shape " + shape_text(of_one(inputs)) +
                 ", data.input_shape is " + shape_text(spec.input_shape));
  }
  if (labels == nullptr) {
    if (spec.target == TargetKind::kUnlabelled) return {};
    return wrong(
        "the job's data.task wants labels, and the site's dataset names no file or array of them");
  }
  if (labels->shape().empty()) return wrong("labels need rows first");
  if (inputs.shape()[0] != labels->shape()[0]) {
    return wrong("there are " + std::to_string(inputs.shape()[0]) + " inputs and " +
                 std::to_string(labels->shape()[0]) + " labels");
  }
  if (spec.target_shape.empty() && product_of(of_one(*labels)) != 1)
    return wrong("inputs need rows first, labels one value a row");
  if (!spec.target_shape.empty() && !same_layout(of_one(*labels), spec.target_shape)) {
    return wrong("the labels of an example have the shape " + shape_text(of_one(*labels)) +
                 ", the job's is " + shape_text(spec.target_shape));
  }
  return {};
}

// Appends one row's labels or targets; nothing of a row with one that is none.
Status add_labels(const std::vector<double>& row, const DataSpec& spec, ExampleSet& examples) {
  const std::int64_t classes = spec.target == TargetKind::kBinary ? 2 : spec.classes;
  const double least = labels_places(spec.target) ? -1.0 : 0.0;
  const std::size_t before = examples.labels.size();
  for (double label : row) {
    if (spec.target == TargetKind::kRegression) {
      if (!std::isfinite(static_cast<float>(label))) return wrong("a label is no finite number");
      continue;
    }
    if (label == -1.0 && spec.keep_unlabelled) {  // it trains without
      examples.labels.push_back(-1);
      continue;
    }
    if (spec.positive_above && std::isfinite(label))
      label = label > *spec.positive_above ? 1.0 : 0.0;
    if (label != std::floor(label) || !(label >= least) || label >= static_cast<double>(classes)) {
      examples.labels.resize(before);
      return wrong("a label is none of the classes 0 to " + std::to_string(classes - 1));
    }
    examples.labels.push_back(static_cast<std::int64_t>(label));
  }
  if (spec.target == TargetKind::kRegression) {
    for (const double label : row) examples.targets.push_back(static_cast<float>(label));
  }
  return {};
}

Status check_finite(const std::vector<double>& row) {
  for (const double value : row) {
    if (!std::isfinite(static_cast<float>(value))) return wrong("an input is no finite number");
  }
  return {};
}

Error in_array(Error error, const ArrayReader& array, LoadContext& context) {
  context.local_detail = array.name() + ": " + error.message;
  return error;
}

void reserve(ExampleSet& examples, std::size_t rows, std::size_t width, std::size_t places,
             const DataSpec& spec) {
  examples.inputs.reserve(rows * width);
  if (spec.target == TargetKind::kRegression) {
    examples.targets.reserve(rows * places);
  } else {
    examples.labels.reserve(rows * places);
  }
}

}  // namespace

Result<ExampleSet> examples_of(ArrayReader& inputs, ArrayReader* labels, const DataSpec& spec,
                               LoadContext& context) {
  const std::string names =
      labels == nullptr ? inputs.name() : inputs.name() + " and " + labels->name();
  if (Status fit = check_shapes(inputs, labels, spec); !fit)
    return data_error(context, fit.error().message, names + ": " + fit.error().message);
  const auto rows = static_cast<std::size_t>(inputs.shape()[0]);
  std::vector<double> row(static_cast<std::size_t>(*product_of(of_one(inputs))));
  std::vector<double> row_labels(
      labels == nullptr ? 0 : static_cast<std::size_t>(*product_of(of_one(*labels))));
  ExampleSet examples = empty_examples(context);
  examples.input_shape = spec.input_shape;
  examples.target_shape = spec.target_shape;
  reserve(examples, rows, row.size(), row_labels.size(), spec);
  for (std::size_t i = 0; i < rows; ++i) {
    if (const Status read = inputs.next(row); !read) return in_array(read.error(), inputs, context);
    if (labels != nullptr) {
      if (const Status read = labels->next(row_labels); !read)
        return in_array(read.error(), *labels, context);
    }
    Status fine = check_finite(row);
    if (fine) fine = add_labels(row_labels, spec, examples);
    if (!fine) {
      const std::string place = names + ", row " + std::to_string(i) + ": " + fine.error().message;
      TRIB_CHECK_OK(context.faulty_record(std::move(fine).error(), place));
      continue;
    }
    for (const double value : row) examples.inputs.push_back(static_cast<float>(value));
    ++examples.rows;
  }
  if (const Status whole = inputs.end(); !whole) return in_array(whole.error(), inputs, context);
  if (labels == nullptr) return examples;
  if (const Status whole = labels->end(); !whole) return in_array(whole.error(), *labels, context);
  return examples;
}

}  // namespace tributary
