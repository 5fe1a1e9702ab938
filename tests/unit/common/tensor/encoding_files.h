// SPDX-License-Identifier: Apache-2.0
// What the tests of update encodings share: every choice, some updates, files in memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/base/random_source.h"
#include "common/tensor/update_encoding.h"
#include "common/tensor/update_reader.h"

namespace tributary {

inline const std::vector<std::string> kEncodingNames = {"fp32", "fp16",  "bf16",    "int8",
                                                        "int4", "top_k", "random_k"};

inline EncodingChoice choice_of(const std::string& name, int zstd = 0) {
  EncodingChoice choice;
  choice.name = name;
  choice.ratio = 0.1;
  choice.zstd = zstd;
  return choice;
}

// Each encoding, as it is and compressed.
inline std::vector<EncodingChoice> all_choices() {
  std::vector<EncodingChoice> choices;
  for (const std::string& name : kEncodingNames) {
    for (const int zstd : {0, 3}) choices.push_back(choice_of(name, zstd));
  }
  return choices;
}

inline std::string label(const EncodingChoice& choice) {
  return choice.name + (choice.zstd > 0 ? " zstd" : "");
}

// Three tensors, one of them empty, of `count` values in all.
inline Layout layout_of(std::size_t count) {
  const auto half = static_cast<std::int64_t>(count / 2);
  return {{{"fc.weight", {half}},
           {"none", {0}},
           {"fc.bias", {static_cast<std::int64_t>(count) - half}}}};
}

// As weights of a training: normal, of several sizes.
inline std::vector<float> normal_values(std::size_t count, std::uint64_t seed) {
  SeededRandom random(seed);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(std::ldexp(random.normal(), -static_cast<int>(i / 100 % 12)));
  return values;
}

inline ReadAt read_of(const Bytes& file) {
  return [&file](std::uint64_t offset, MutableByteView into) -> Status {
    if (offset + into.size() > file.size()) return make_error(ErrorCode::kIo, "beyond the end");
    std::ranges::copy(ByteView(file).subspan(offset, into.size()), into.begin());
    return {};
  };
}

// All values of a file, read so many at a time.
inline Result<std::vector<float>> values_of(const Bytes& file, std::size_t at_a_time = 1'000) {
  TRIB_TRY(opened, open_update(read_of(file), file.size()));
  std::vector<float> values, part(at_a_time);
  while (true) {
    TRIB_TRY(count, opened.values->read(part));
    if (count == 0) return values;
    values.insert(values.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

// A file that is written and read again.
inline std::vector<float> sent(const EncodingChoice& choice, const std::vector<float>& values,
                               std::uint64_t seed = 1) {
  return *values_of(*encode_update(choice, layout_of(values.size()), values, seed));
}

// A safetensors file made by hand.
inline Bytes file_of(const std::string& header, const Bytes& data) {
  std::string padded = header;
  while (padded.size() % 8 != 0) padded += ' ';
  Bytes bytes(8);
  put_little_endian(bytes.data(), std::uint64_t{padded.size()});
  const ByteView text = as_bytes(padded);
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

// With the text of an encoding and of a layout as they stand in a file's metadata.
inline Bytes encoded_file(const std::string& encoding, const std::string& layout,
                          const Bytes& data) {
  const auto escape = [](const std::string& text) {
    std::string escaped;
    for (const char c : text) escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
    return escaped;
  };
  return file_of(R"({"__metadata__":{"encoding":")" + escape(encoding) + R"(","layout":")" +
                     escape(layout) + R"("},"data":{"dtype":"U8","shape":[)" +
                     std::to_string(data.size()) + R"(],"data_offsets":[0,)" +
                     std::to_string(data.size()) + "]}}",
                 data);
}

inline Bytes bytes_of(const std::vector<int>& values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

inline void append_float(Bytes& to, float value) {
  to.resize(to.size() + 4);
  std::memcpy(to.data() + to.size() - 4, &value, 4);
}

}  // namespace tributary
