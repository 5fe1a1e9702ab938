// SPDX-License-Identifier: Apache-2.0
// IDX, the format of MNIST: two zero bytes, type, rank, sizes as big-endian u32, big-endian values;
// .gz or plain (zlib reads both). http://yann.lecun.com/exdb/mnist/
#include <algorithm>
#include <map>

#include "client/data/array_files.h"
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

Result<ArrayHead> read_head(const ReadBytes& read) {
  std::array<std::byte, 4> magic{};
  TRIB_CHECK_OK(read_exactly(read, magic));
  const auto type = scalar_type(std::to_integer<unsigned>(magic[2]));
  const auto rank = std::to_integer<std::size_t>(magic[3]);
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0} || !type || rank == 0 ||
      rank > limits::kTensorRankMax) {
    return wrong("is no IDX file: its first four bytes are not those of the format");
  }
  ArrayHead array{*type, true, {}};
  for (std::size_t i = 0; i < rank; ++i) {
    std::array<std::byte, 4> size{};
    TRIB_CHECK_OK(read_exactly(read, size));
    std::ranges::reverse(size);
    array.shape.push_back(get_little_endian<std::uint32_t>(size.data()));
  }
  return array;
}

Result<RawData> load(const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  return load_array_files(
      {option<std::string>(options, "images"), option<std::string>(options, "labels"),
       option<std::string>(options, "validation_images"),
       option<std::string>(options, "validation_labels")},
      &read_head, spec, context);
}

}  // namespace

const DataLoader& idx_loader() {
  static constexpr DataLoader kLoader{"idx", "Arrays in the format of MNIST, .gz too", &load};
  return kLoader;
}

}  // namespace tributary
