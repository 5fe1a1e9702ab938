// SPDX-License-Identifier: Apache-2.0
// NumPy's .npz: a ZIP of .npy arrays, read through libzip. Format of .npy:
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include <zip.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>

#include "client/data/arrays.h"
#include "client/data/loader.h"
#include "common/base/limits.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

using Archive = std::unique_ptr<zip_t, void (*)(zip_t*)>;

Error wrong(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

Result<Bytes> read_member(const Archive& archive, const std::string& name) {
  zip_stat_t info;
  zip_stat_init(&info);
  const std::string member = name + ".npy";
  if (zip_stat(archive.get(), member.c_str(), 0, &info) != 0)
    return wrong("there is no array '" + name + "'");
  if (info.size > limits::kDatasetBytesMax)
    return wrong("array '" + name + "' is larger than any dataset may be");
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(
      zip_fopen(archive.get(), member.c_str(), 0), &zip_fclose);
  Bytes bytes;
  std::int64_t got = 1;
  while (file && got > 0 && bytes.size() <= info.size) {
    const std::size_t at = bytes.size();
    bytes.resize(at + (1u << 20));
    got = zip_fread(file.get(), bytes.data() + at, 1u << 20);
    bytes.resize(at + static_cast<std::size_t>(std::max<std::int64_t>(got, 0)));
  }
  if (!file || got < 0 || bytes.size() != info.size)
    return wrong("array '" + name + "' is damaged");
  return bytes;
}

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

Status read_type(std::string_view descr, Array& array) {
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

Status read_shape(std::string_view text, Array& array) {
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

Result<Array> read_npy(const Bytes& bytes) {
  constexpr std::string_view kMagic = "\x93NUMPY";
  const std::string_view text = as_text(bytes);
  if (bytes.size() < 12 || !text.starts_with(kMagic)) return wrong("it is no .npy array");
  const auto version = std::to_integer<unsigned>(bytes[6]);
  const std::size_t start = version == 1 ? 10 : 12;
  const std::uint64_t length =
      version == 1 ? std::uint64_t{get_little_endian<std::uint16_t>(bytes.data() + 8)}
                   : std::uint64_t{get_little_endian<std::uint32_t>(bytes.data() + 8)};
  if (version < 1 || version > 3 || length > bytes.size() - start)
    return wrong("its .npy header is damaged");
  const std::string_view header = text.substr(start, length);
  Array array;
  TRIB_CHECK_OK(read_type(value_of(header, "'descr':", '\'', '\''), array));
  if (header.find("'fortran_order': False") == std::string_view::npos) {
    return wrong("it is in Fortran order; save numpy.ascontiguousarray(x)");
  }
  TRIB_CHECK_OK(read_shape(value_of(header, "'shape':", '(', ')'), array));
  const auto count = product_of(array.shape);
  array.bytes.assign(bytes.begin() + static_cast<std::ptrdiff_t>(start + length), bytes.end());
  if (!count || array.bytes.size() != *count * scalar_bytes(array.type))
    return wrong("its data has not the size of its shape");
  return array;
}

Result<ExampleSet> read_pair(const Archive& archive, const std::string& inputs,
                             const std::string& labels, const DataSpec& spec) {
  const auto read = [&archive](const std::string& name) -> Result<Array> {
    TRIB_TRY(bytes, read_member(archive, name));
    Result<Array> array = read_npy(bytes);
    if (!array) return std::move(array).error().with_context("array '" + name + "'");
    return array;
  };
  TRIB_TRY(input_array, read(inputs));
  if (labels.empty() || spec.target == TargetKind::kUnlabelled)
    return examples_of(input_array, nullptr, spec);
  TRIB_TRY(label_array, read(labels));
  return examples_of(input_array, &label_array, spec);
}

Result<RawData> load_archive(const Archive& archive, const OptionMap& options,
                             const DataSpec& spec) {
  RawData raw;
  TRIB_TRY(rows, read_pair(archive, option<std::string>(options, "inputs"),
                           option<std::string>(options, "labels"), spec));
  raw.rows = std::move(rows);
  if (const std::string& inputs = option<std::string>(options, "validation_inputs");
      !inputs.empty()) {
    TRIB_TRY(validation,
             read_pair(archive, inputs, option<std::string>(options, "validation_labels"), spec));
    raw.separate_validation = true;
    raw.validation = std::move(validation);
  }
  return raw;
}

Result<RawData> load(const OptionMap& options, const DataSpec& spec, std::string& local_detail) {
  if (spec.input_shape.empty()) {
    return data_error(local_detail, "the job wants a table, the site's dataset is arrays",
                      "loader: npz");
  }
  const std::string& path = option<std::string>(options, "path");
  int code = 0;
  const Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code), &zip_discard);
  if (!archive)
    return data_error(local_detail, "the site's .npz file cannot be opened",
                      "cannot open " + path + " as a ZIP file");
  auto raw = load_archive(archive, options, spec);
  if (!raw) local_detail = path + ": " + raw.error().message;
  return raw;
}

}  // namespace

const DataLoader& npz_loader() {
  static constexpr DataLoader kLoader{"npz", "NumPy arrays in one .npz file", &load};
  return kLoader;
}

}  // namespace tributary
