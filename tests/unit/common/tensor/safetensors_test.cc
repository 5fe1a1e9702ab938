// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "common/base/random_source.h"
#include "common/tensor/safetensors_reader.h"

namespace tributary {
namespace {

using testing::HasSubstr;

Bytes file_of(const std::string& header, const Bytes& data) {
  Bytes bytes(8);
  put_little_endian(bytes.data(), std::uint64_t{header.size()});
  const ByteView text = as_bytes(header);
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

Model small_model() {
  return {Layout{{{"fc.weight", {2, 3}}, {"fc.bias", {2}}, {"step", {}}}},
          {1.0f, -2.0f, 0.5f, 1e-30f, -0.0f, 3.25f, 7.0f, 8.0f, 9.0f}};
}

// Byte by byte as the format's description says, made without our encoder.
TEST(Safetensors, WritesTheFormatByteByByte) {
  const std::string header = R"({"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                             R"("fc.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},)"
                             R"("step":{"dtype":"F32","shape":[],"data_offsets":[32,36]}})";
  std::string padded = header;
  while (padded.size() % 8 != 0) padded += ' ';
  const Model model = small_model();
  Bytes data(36);
  std::memcpy(data.data(), model.values.data(), 36);
  EXPECT_EQ(encode_safetensors(model), file_of(padded, data));
}

TEST(Safetensors, RoundTripsEveryBit) {
  const Model model = small_model();
  const auto read = decode_safetensors(encode_safetensors(model));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->layout, model.layout);
  EXPECT_EQ(std::memcmp(read->values.data(), model.values.data(), 36), 0);
}

TEST(Safetensors, KeepsAModelWithoutTensors) {
  const auto read = decode_safetensors(encode_safetensors(Model{}));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->layout.tensors.empty());
}

TEST(Safetensors, ReadsOtherWritersOrderMetadataAndTypes) {
  // b before a in the data; half 1.5 = 0x3e00, bfloat16 -2 = 0xc000, double 0.1.
  Bytes data(12);
  put_little_endian(data.data(), std::uint16_t{0x3e00});
  put_little_endian(data.data() + 2, std::uint16_t{0xc000});
  const double tenth = 0.1;
  std::memcpy(data.data() + 4, &tenth, 8);
  const auto read = decode_safetensors(file_of(
      R"({"__metadata__":{"format":"pt"},"c":{"dtype":"F64","shape":[1],"data_offsets":[4,12]},)"
      R"("a":{"dtype":"BF16","shape":[1],"data_offsets":[2,4]},"b":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}})",
      data));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->layout, (Layout{{{"b", {1}}, {"a", {1}}, {"c", {1}}}}));
  EXPECT_EQ(read->values, (std::vector<float>{1.5f, -2.0f, 0.1f}));
}

TEST(Safetensors, AReaderHasTheTextsOfTheMetadata) {
  const auto metadata_of = [](const Bytes& bytes) {
    const auto read_at = [&bytes](std::uint64_t offset, MutableByteView into) -> Status {
      std::memcpy(into.data(), bytes.data() + offset, into.size());
      return {};
    };
    return (*SafetensorsReader::open(read_at, bytes.size()))->metadata();
  };
  const std::map<std::string, std::string> some = {{"a", "1"}, {"b", "\"2\""}};
  EXPECT_EQ(metadata_of(encode_safetensors(small_model(), some)), some);
  EXPECT_TRUE(metadata_of(encode_safetensors(small_model())).empty());
  EXPECT_EQ(metadata_of(file_of(R"({"__metadata__":{"a":"1","c":3}})", {})),
            (std::map<std::string, std::string>{{"a", "1"}}));
  EXPECT_TRUE(metadata_of(file_of(R"({"__metadata__":[1]})", {})).empty());
}

TEST(Safetensors, ReadsEveryKindOfHalf) {
  Bytes data(8);
  put_little_endian(data.data(), std::uint16_t{0x0001});      // smallest subnormal, 2^-24
  put_little_endian(data.data() + 2, std::uint16_t{0x7bff});  // largest, 65504
  put_little_endian(data.data() + 4, std::uint16_t{0xfc00});  // -infinity
  put_little_endian(data.data() + 6, std::uint16_t{0x7e00});  // NaN
  const auto read = decode_safetensors(
      file_of(R"({"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}})", data));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->values[0], std::ldexp(1.0f, -24));
  EXPECT_EQ(read->values[1], 65504.0f);
  EXPECT_EQ(read->values[2], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(read->values[3]));
}

TEST(Safetensors, RefusesHeadersThatLie) {
  const Bytes four(4), eight(8);
  const std::vector<std::pair<Bytes, std::string>> wrong = {
      {Bytes(3), "shorter than 8"},
      {file_of("[]", {}), "no JSON object"},
      {file_of("{", {}), "no JSON object"},
      {file_of(R"({"a":1})", {}), "lacks"},
      {file_of(R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", eight), "of type"},
      {file_of(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", four),
       "impossible shape"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1e3],"data_offsets":[0,4]}})", four),
       "impossible shape"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", four), "data_offsets"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", four),
       "does not follow"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", eight),
       "does not follow"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", eight),
       "8 bytes of data"},
      {file_of(
           R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
           four),
       "does not follow"},
      {file_of(
           R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}})",
           four),
       "too large"},
  };
  for (const auto& [bytes, what] : wrong) {
    const auto read = decode_safetensors(bytes);
    ASSERT_FALSE(read) << what;
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(read.error().message, HasSubstr(what));
  }
}

TEST(Safetensors, NoMutationOfAFileCrashes) {
  const Bytes good = encode_safetensors(small_model());
  SeededRandom random(5);
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = good;
    for (std::uint64_t i = random.uniform_below(4) + 1; i > 0; --i) {
      bytes[random.uniform_below(bytes.size())] = static_cast<std::byte>(random.uniform_below(256));
    }
    bytes.resize(bytes.size() - random.uniform_below(3));
    if (const auto read = decode_safetensors(bytes)) {
      EXPECT_EQ(read->values.size(), read->layout.element_count());
    }
  }
}

TEST(Safetensors, IsReadInBlocksOfAnySize) {
  const Model model{{{{"a", {3}}, {"empty", {0}}, {"b", {2, 2}}}}, {1, 2, 3, 4, 5, 6, 7}};
  const Bytes bytes = encode_safetensors(model);
  for (std::size_t block = 1; block <= 8; ++block) {
    std::uint64_t furthest = 0;
    const auto read_at = [&](std::uint64_t offset, MutableByteView into) -> Status {
      std::ranges::copy(ByteView(bytes).subspan(offset, into.size()), into.begin());
      furthest = std::max(furthest, offset + into.size());
      return {};
    };
    auto reader = *SafetensorsReader::open(read_at, bytes.size());
    EXPECT_EQ(reader->layout(), model.layout);
    EXPECT_LE(furthest, bytes.size() - 28) << "the header alone";
    std::vector<float> values, part(block);
    while (true) {
      const std::size_t count = *reader->read(part);
      values.insert(values.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count));
      if (count < block) break;
    }
    EXPECT_EQ(values, model.values) << block;
    EXPECT_EQ(*reader->read(part), 0u);
  }
}

TEST(Safetensors, AFileThatCannotBeReadIsNotCalledDamaged) {
  const Bytes bytes = encode_safetensors({{{{"a", {3}}}}, {1, 2, 3}});
  int reads_left = 0;
  const auto read_at = [&](std::uint64_t offset, MutableByteView into) -> Status {
    if (reads_left-- <= 0) return make_error(ErrorCode::kIo, "the disk fails");
    std::ranges::copy(ByteView(bytes).subspan(offset, into.size()), into.begin());
    return {};
  };
  for (const int reads : {0, 1}) {
    reads_left = reads;
    EXPECT_EQ(SafetensorsReader::open(read_at, bytes.size()).error().code, ErrorCode::kIo);
  }
  reads_left = 2;
  auto reader = *SafetensorsReader::open(read_at, bytes.size());
  std::vector<float> values(3);
  EXPECT_EQ(reader->read(values).error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace tributary
