// SPDX-License-Identifier: Apache-2.0
#include "client/data/npy.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "common/base/limits.h"

namespace tributary {
namespace {

// Of a header's text; NumPy writes some hundred bytes.
constexpr std::uint32_t kHeadBytesMax = 1u << 20;

Error wrong(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

// The text between `key` and the end of its value in the header's Python dictionary.
std::string_view value_of(std::string_view header, std::string_view key, char open, char close) {
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = header.find(open, at + key.size());
  if (begin == std::string_view::npos) return {};
  const std::size_t end = header.find(close, begin + 1);
  if (end == std::string_view::npos) return {};
  return header.substr(begin + 1, end - begin - 1);
}

Status read_type(std::string_view descr, ArrayHead& array) {
  static const std::map<std::string_view, ScalarType> kTypes = {
      {"u1", ScalarType::kU8},  {"i1", ScalarType::kI8},  {"i2", ScalarType::kI16},
      {"i4", ScalarType::kI32}, {"i8", ScalarType::kI64}, {"u2", ScalarType::kU16},
      {"u4", ScalarType::kU32}, {"f4", ScalarType::kF32}, {"f8", ScalarType::kF64},
      {"b1", ScalarType::kBool}};
  const auto found = descr.size() == 3 ? kTypes.find(descr.substr(1)) : kTypes.end();
  if (found == kTypes.end())
    return wrong("its type is not supported; save it as float32, uint8 or int64");
  array.type = found->second;
  array.big_endian = descr[0] == '>';
  return {};
}

Status read_shape(std::string_view text, ArrayHead& array) {
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view size = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (!size.empty() && size.front() == ' ') size.remove_prefix(1);
    if (size.empty()) continue;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), value);
    if (error != std::errc{} || end != size.data() + size.size())
      return wrong("its shape cannot be read");
    array.shape.push_back(value);
  }
  return array.shape.size() <= limits::kTensorRankMax ? Status{}
                                                      : wrong("it has too many dimensions");
}

}  // namespace

Result<ArrayHead> read_npy_head(const ReadBytes& read) {
  constexpr std::string_view kMagic = "\x93NUMPY";
  std::array<std::byte, 10> begin{};
  if (!read_exactly(read, begin) || !as_text(begin).starts_with(kMagic))
    return wrong("it is no .npy array");
  const auto version = std::to_integer<unsigned>(begin[6]);
  std::uint32_t length = get_little_endian<std::uint16_t>(begin.data() + 8);
  if (version > 1) {
    std::array<std::byte, 2> more{};
    if (!read_exactly(read, more)) return wrong("its .npy header is damaged");
    length |= std::uint32_t{get_little_endian<std::uint16_t>(more.data())} << 16;
  }
  if (version < 1 || version > 3 || length > kHeadBytesMax)
    return wrong("its .npy header is damaged");
  Bytes text(length);
  if (!read_exactly(read, text)) return wrong("its .npy header is damaged");
  const std::string_view header = as_text(text);
  ArrayHead array;
  TRIB_CHECK_OK(read_type(value_of(header, "'descr':", '\'', '\''), array));
  if (header.find("'fortran_order': False") == std::string_view::npos)
    return wrong("it is in Fortran order; save numpy.ascontiguousarray(x)");
  TRIB_CHECK_OK(read_shape(value_of(header, "'shape':", '(', ')'), array));
  return array;
}

}  // namespace tributary
