// SPDX-License-Identifier: Apache-2.0
#include "client/data/npz_file.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <string>

namespace tributary {
namespace {

static_assert(std::endian::native == std::endian::little, "values are written as they lie");

// Version 1.0: magic, length, a Python dictionary padded to 64 bytes.
Bytes npy_of(const ExampleSet& rows, double value_scale) {
  std::string shape = std::to_string(rows.rows) + ",";
  for (const std::int64_t size : rows.input_shape) shape += " " + std::to_string(size) + ",";
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  constexpr std::size_t kBefore = 10, kAlign = 64;
  header.append(kAlign - 1 - (kBefore + header.size()) % kAlign, ' ');
  header += '\n';
  const std::string magic("\x93NUMPY\x01\x00", 8);
  std::string file = magic;
  file += static_cast<char>(header.size() % 256);
  file += static_cast<char>(header.size() / 256);
  file += header;
  Bytes bytes(file.size() + rows.inputs.size() * sizeof(float));
  std::ranges::copy(as_bytes(file), bytes.begin());
  auto* to = bytes.data() + file.size();
  for (const float value : rows.inputs) {
    const auto scaled = static_cast<float>(static_cast<double>(value) / value_scale);
    const auto raw = std::bit_cast<std::array<std::byte, sizeof(float)>>(scaled);
    to = std::ranges::copy(raw, to).out;
  }
  return bytes;
}

using Source = std::unique_ptr<zip_source_t, void (*)(zip_source_t*)>;

bool add_inputs(zip_source_t* file, const Bytes& npy) {
  zip_source_keep(file);  // closing the archive lets go of it once
  zip_t* archive = zip_open_from_source(file, ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  if (archive == nullptr) {
    zip_source_free(file);
    return false;
  }
  zip_source_t* member = zip_source_buffer(archive, npy.data(), npy.size(), 0);
  if (member != nullptr && zip_file_add(archive, "inputs.npy", member, 0) >= 0)
    return zip_close(archive) == 0;
  zip_source_free(member);
  zip_discard(archive);
  return false;
}

}  // namespace

Result<Bytes> npz_of(const ExampleSet& rows, double value_scale) {
  const Bytes npy = npy_of(rows, value_scale);
  const Source file(zip_source_buffer_create(nullptr, 0, 0, nullptr), zip_source_free);
  const Error failed = make_error(ErrorCode::kResourceExhausted, "the .npz could not be made");
  if (!file || !add_inputs(file.get(), npy) || zip_source_open(file.get()) != 0) return failed;
  zip_stat_t info;
  zip_stat_init(&info);
  Bytes made;
  if (zip_source_stat(file.get(), &info) == 0 && (info.valid & ZIP_STAT_SIZE) != 0)
    made.resize(info.size);
  const bool whole = !made.empty() && zip_source_read(file.get(), made.data(), made.size()) ==
                                          static_cast<std::int64_t>(made.size());
  zip_source_close(file.get());
  if (!whole) return failed;
  return made;
}

}  // namespace tributary
