// SPDX-License-Identifier: Apache-2.0
// IDX, the format of MNIST: two zero bytes, type, rank, sizes as big-endian u32, big-endian values;
// .gz or plain (zlib reads both). http://yann.lecun.com/exdb/mnist/
#include <algorithm>
#include <map>

#include "client/data/arrays.h"
#include "client/data/input_file.h"
#include "client/data/loader.h"
#include "common/base/limits.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

std::optional<ScalarType> scalar_type(unsigned code) {
  static const std::map<unsigned, ScalarType> kTypes = {
      {0x08, ScalarType::kU8},  {0x09, ScalarType::kI8},  {0x0b, ScalarType::kI16},
      {0x0c, ScalarType::kI32}, {0x0d, ScalarType::kF32}, {0x0e, ScalarType::kF64}};
  const auto found = kTypes.find(code);
  return found == kTypes.end() ? std::nullopt : std::optional(found->second);
}

Error wrong(std::string what) { return make_error(ErrorCode::kDataLoss, std::move(what)); }

Status read_exactly(InputFile& file, MutableByteView into) {
  TRIB_TRY(got, file.read(into));
  return got == into.size() ? Status{} : wrong("is cut short");
}

Result<Array> read_header(InputFile& file) {
  std::array<std::byte, 4> magic{};
  TRIB_CHECK_OK(read_exactly(file, magic));
  const auto type = scalar_type(std::to_integer<unsigned>(magic[2]));
  const auto rank = std::to_integer<std::size_t>(magic[3]);
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0} || !type || rank == 0 ||
      rank > limits::kTensorRankMax) {
    return wrong("is no IDX file: its first four bytes are not those of the format");
  }
  Array array{*type, true, {}, {}};
  for (std::size_t i = 0; i < rank; ++i) {
    std::array<std::byte, 4> size{};
    TRIB_CHECK_OK(read_exactly(file, size));
    std::ranges::reverse(size);
    array.shape.push_back(get_little_endian<std::uint32_t>(size.data()));
  }
  return array;
}

Result<Array> read_array(const std::string& path) {
  TRIB_TRY(file, InputFile::open(path));
  TRIB_TRY(array, read_header(file));
  const auto count = product_of(array.shape);
  if (!count || *count * scalar_bytes(array.type) > limits::kDatasetBytesMax) {
    return make_error(ErrorCode::kResourceExhausted, "is larger than any dataset may be");
  }
  // Grown with what is there, so that a lying header cannot claim memory.
  const std::uint64_t total = *count * scalar_bytes(array.type);
  while (array.bytes.size() < total) {
    const std::size_t at = array.bytes.size();
    array.bytes.resize(at +
                       static_cast<std::size_t>(std::min<std::uint64_t>(total - at, 16u << 20)));
    TRIB_CHECK_OK(read_exactly(file, MutableByteView(array.bytes).subspan(at)));
  }
  std::array<std::byte, 1> more{};  // reading on to the end also checks the sum of a .gz
  TRIB_TRY(left, file.read(more));
  if (left != 0) return wrong("has more bytes than its header says");
  return array;
}

Result<Array> read_idx(const std::string& path, std::string& local_detail) {
  auto array = read_array(path);
  if (array) return array;
  local_detail = path + ": " + array.error().message;
  return std::move(array).error().with_context("a file of the site's dataset");
}

Result<ExampleSet> read_pair(const std::string& images, const std::string& labels,
                             const DataSpec& spec, std::string& local_detail) {
  TRIB_TRY(inputs, read_idx(images, local_detail));
  std::optional<Array> targets;
  if (!labels.empty() && spec.target != TargetKind::kUnlabelled) {
    TRIB_TRY(read, read_idx(labels, local_detail));
    targets = std::move(read);
  }
  auto examples = examples_of(inputs, targets ? &*targets : nullptr, spec);
  if (!examples) local_detail = images + " and " + labels + ": " + examples.error().message;
  return examples;
}

Result<RawData> load(const OptionMap& options, const DataSpec& spec, std::string& local_detail) {
  if (spec.input_shape.empty()) {
    return data_error(local_detail, "the job wants a table, the site's dataset is arrays",
                      "loader: idx");
  }
  RawData raw;
  TRIB_TRY(rows, read_pair(option<std::string>(options, "images"),
                           option<std::string>(options, "labels"), spec, local_detail));
  raw.rows = std::move(rows);
  if (const std::string& images = option<std::string>(options, "validation_images");
      !images.empty()) {
    TRIB_TRY(validation, read_pair(images, option<std::string>(options, "validation_labels"), spec,
                                   local_detail));
    raw.separate_validation = true;
    raw.validation = std::move(validation);
  }
  return raw;
}

}  // namespace

const DataLoader& idx_loader() {
  static constexpr DataLoader kLoader{"idx", "Arrays in the format of MNIST, .gz too", &load};
  return kLoader;
}

}  // namespace tributary
