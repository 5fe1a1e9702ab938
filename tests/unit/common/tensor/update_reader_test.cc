// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/update_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <zstd.h>

#include <limits>

#include "tests/unit/common/tensor/encoding_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

Bytes compressed(const Bytes& data, int window_log = 0, bool with_size = true) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> zstd(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_contentSizeFlag, with_size ? 1 : 0);
  if (window_log > 0) ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_windowLog, window_log);
  Bytes out(ZSTD_compressBound(data.size()));
  out.resize(ZSTD_compress2(zstd.get(), out.data(), out.size(), data.data(), data.size()));
  return out;
}

Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::string refusal(const Bytes& file) {
  const auto values = values_of(file);
  if (values) return "";
  EXPECT_EQ(values.error().code, ErrorCode::kDataLoss) << values.error().message;
  return values.error().message;
}

TEST(UpdateReader, TheSizeOfReadsChangesNothing) {
  constexpr std::size_t kCount = 2 * 65'536 + 777;
  const std::vector<float> values = normal_values(kCount, 1);
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes file = *encode_update(choice, layout_of(kCount), values, 1);
    const std::vector<float> expected = *values_of(file, kCount);
    ASSERT_EQ(expected.size(), kCount);
    for (const std::size_t step : {1u, 7u, 1'000u, 65'536u, 65'537u, 1'000'000u})
      ASSERT_EQ(*values_of(file, step), expected) << label(choice) << ", " << step;
  }
}

// As the file has them: the same values, from wherever a run begins and ends.
TEST(UpdateReader, StoredValuesAreTheSameValues) {
  constexpr std::size_t kCount = 2 * 65'536 + 777;
  const std::vector<float> values = normal_values(kCount, 1);
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes file = *encode_update(choice, layout_of(kCount), values, 1);
    const std::vector<float> expected = *values_of(file, kCount);
    for (const std::size_t step : {7u, 1'000u, 65'537u, 140'000u}) {
      const auto opened = open_update(read_of(file), file.size());
      std::vector<float> got, room;
      while (true) {
        const StoredValues run = *opened->values->read_stored(step, room);
        ASSERT_LE(run.count, step);
        if (run.count == 0) break;
        got.resize(got.size() + run.count);
        widen(run, std::span(got).last(run.count));
      }
      ASSERT_EQ(got, expected) << label(choice) << ", " << step;
    }
  }
}

TEST(UpdateReader, WhatTheKernelsWidenIsNotWidenedBefore) {
  const std::vector<float> values = normal_values(1'000, 1);
  const auto form_of = [&values](const std::string& name, int zstd) {
    const Bytes file = *encode_update(choice_of(name, zstd), layout_of(1'000), values, 1);
    std::vector<float> room;
    const auto opened = open_update(read_of(file), file.size());
    return opened->values->read_stored(1'000, room)->form;
  };
  for (const int zstd : {0, 3}) {
    EXPECT_EQ(form_of("fp16", zstd), StoredForm::kFp16);
    EXPECT_EQ(form_of("bf16", zstd), StoredForm::kBf16);
    EXPECT_EQ(form_of("int8", zstd), StoredForm::kInt8);
    EXPECT_EQ(form_of("int4", zstd), StoredForm::kInt8);
  }
}

TEST(UpdateReader, NoReadGoesBeyondTheFile) {
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes file = *encode_update(choice, layout_of(1'000), normal_values(1'000, 1), 1);
    EXPECT_TRUE(values_of(file)) << "read_of would have said so";
  }
}

TEST(UpdateReader, TakesWhatOtherProgramsWrite) {
  // F64 and a mixture are plain files of no encoding of ours; their values can be read all the
  // same.
  Bytes data;
  append_float(data, 1.5f);
  data.resize(12);
  const Bytes mixed = file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                              R"("b":{"dtype":"F64","shape":[1],"data_offsets":[4,12]}})",
                              data);
  EXPECT_EQ(open_update(read_of(mixed), mixed.size())->spec.name, "mixed");
  EXPECT_EQ(*values_of(mixed), (std::vector<float>{1.5f, 0.0f}));
  const auto opened = open_update(read_of(mixed), mixed.size());
  std::vector<float> room;
  EXPECT_EQ(opened->values->read_stored(2, room)->count, 1u);
  EXPECT_EQ(opened->values->read_stored(2, room)->count, 1u);
  EXPECT_EQ(room[0], 0.0f);
  EXPECT_EQ(opened->values->read_stored(2, room)->count, 0u);
  const Bytes doubles =
      file_of(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", Bytes(8));
  EXPECT_EQ(open_update(read_of(doubles), doubles.size())->spec.name, "mixed");
  // Any usual window, with the length in the frame or without.
  const Bytes raw = joined(Bytes(4), bytes_of({1, 2, 3}));
  const std::string encoding = R"({"name":"int8","block":16,"zstd":true})";
  for (const bool with_size : {true, false}) {
    EXPECT_EQ(*values_of(encoded_file(encoding, R"([["w",[3]]])", compressed(raw, 23, with_size))),
              std::vector<float>(3, 0.0f));
  }
}

TEST(UpdateReader, AnUpdateCutAnywhereIsRefused) {
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes file = *encode_update(choice, layout_of(41), normal_values(41, 1), 1);
    ASSERT_TRUE(values_of(file));
    for (std::size_t size = 0; size < file.size(); ++size)
      EXPECT_NE(refusal(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))), "")
          << label(choice) << " cut to " << size;
    EXPECT_NE(refusal(joined(file, Bytes(1))), "") << label(choice);
  }
}

TEST(UpdateReader, NoFlippedBitCrashes) {
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes good = *encode_update(choice, layout_of(41), normal_values(41, 1), 1);
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (const int mask : {1, 8, 128, 255}) {
        Bytes bad = good;
        bad[at] ^= static_cast<std::byte>(mask);
        const auto opened = open_update(read_of(bad), bad.size());
        if (!opened) {
          EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss) << opened.error().message;
          continue;
        }
        const auto values = values_of(bad);
        if (!values) {
          EXPECT_EQ(values.error().code, ErrorCode::kDataLoss) << values.error().message;
          continue;
        }
        EXPECT_EQ(values->size(), opened->values->layout().element_count());
        if (opened->spec.block == 0) continue;
        for (const float value : *values) EXPECT_TRUE(std::isfinite(value));
      }
    }
  }
}

TEST(UpdateReader, NoMutationCrashes) {
  SeededRandom random(5);
  const auto below = [&random](std::size_t bound) {
    return static_cast<std::size_t>(random.uniform_below(bound));
  };
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes good = *encode_update(choice, layout_of(300), normal_values(300, 1), 1);
    for (int run = 0; run < 500; ++run) {
      Bytes bad = good;
      for (std::size_t faults = below(4) + 1; faults > 0; --faults) {
        // Most of them in the data: a head that is no JSON hides what comes after it.
        const std::size_t at = bad.size() - 1 - below(below(2) == 0 ? bad.size() : bad.size() / 4);
        bad[at] = static_cast<std::byte>(below(256));
      }
      const auto values = values_of(bad, 1 + below(400));
      if (!values) {
        EXPECT_EQ(values.error().code, ErrorCode::kDataLoss) << values.error().message;
      }
    }
  }
}

TEST(UpdateReader, HeadsThatLieAreRefused) {
  const std::string one = R"([["w",[1]]])", int8 = R"({"name":"int8","block":16})";
  const Bytes five(5);
  const std::vector<std::pair<Bytes, std::string>> wrong = {
      {encoded_file("[]", one, five), "no JSON object"},
      {encoded_file("{", one, five), "no JSON object"},
      {encoded_file(R"({"block":16})", one, five), "with a name"},
      {encoded_file(R"({"name":"int9"})", one, five), "'int9'; there are"},
      {encoded_file(R"({"name":"fp16"})", one, Bytes(2)), "plain"},
      {encoded_file(R"({"name":"int8"})", one, five), "'block'"},
      {encoded_file(R"({"name":"int8","block":0})", one, five), "'block'"},
      {encoded_file(R"({"name":"int8","block":24})", one, five), "'block'"},
      {encoded_file(R"({"name":"int8","block":131072})", one, five), "'block'"},
      {encoded_file(R"({"name":"int8","block":-16})", one, five), "'block'"},
      {encoded_file(R"({"name":"int8","block":16,"k":1})", one, five), "'k'"},
      {encoded_file(R"({"name":"int8","block":16,"zstd":1})", one, five), "'zstd'"},
      {encoded_file(R"({"name":"int8","block":16,"x":1})", one, five), "'x'"},
      {encoded_file(R"({"name":"top_k","k":2})", one, Bytes(16)), "'k'"},
      {encoded_file(R"({"name":"top_k","k":18446744073709551615})", one, Bytes(16)), "'k'"},
      {encoded_file(R"({"name":"top_k","block":16,"k":1})", one, Bytes(10)), "'block'"},
      {encoded_file(int8, "{}", five), "no JSON array"},
      {encoded_file(int8, "[[", five), "no JSON array"},
      {encoded_file(int8, "[1]", five), "a name and a shape"},
      {encoded_file(int8, R"([["w",[1],2]])", five), "a name and a shape"},
      {encoded_file(int8, R"([["w",[-1]]])", five), "impossible shape"},
      {encoded_file(int8, R"([["w",[1.5]]])", five), "impossible shape"},
      {encoded_file(int8, R"([["w",[1]],["w",[1]]])", Bytes(6)), "twice"},
      {encoded_file(int8, R"([["w",[4294967296,4294967296,4294967296]]])", five), "too large"},
      {encoded_file(int8, R"([["w",[2]]])", five), "5 bytes of data, its layout needs 6"},
      {encoded_file(int8, R"([["w",[17]]])", five), "its layout needs 25"},
      {file_of(R"({"__metadata__":{"encoding":"{}"}})", {}), "one tensor 'data'"},
      {file_of(R"({"__metadata__":{"encoding":"{}"},"data":)"
               R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
               {}),
       "no layout"},
      {file_of(R"({"data":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", Bytes(1)),
       "not of type"}};
  for (const auto& [file, what] : wrong) EXPECT_THAT(refusal(file), HasSubstr(what)) << what;
}

TEST(UpdateReader, ImpossibleScalesAreRefused) {
  for (const float scale :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), -1.0f,
        std::numeric_limits<float>::max()}) {
    Bytes data(4 + 16);
    append_float(data, scale);
    data.push_back(std::byte{1});
    EXPECT_THAT(refusal(encoded_file(R"({"name":"int8","block":16})", R"([["w",[17]]])", data)),
                HasSubstr("scale of block 1"));
  }
}

TEST(UpdateReader, PlacesMustIncreaseWithinTheirChunk) {
  const auto file = [](const std::vector<int>& head, const std::string& layout, int k) {
    Bytes data = bytes_of(head);
    for (int i = 0; i < k; ++i) append_float(data, 1.0f);
    return encoded_file(R"({"name":"random_k","k":)" + std::to_string(k) + "}", layout, data);
  };
  const std::string ten = R"([["w",[10]]])";
  EXPECT_EQ(refusal(file({2, 0, 0, 0, 0, 0, 9, 0}, ten, 2)), "");
  EXPECT_THAT(refusal(file({2, 0, 0, 0, 3, 0, 3, 0}, ten, 2)), HasSubstr("do not increase"));
  EXPECT_THAT(refusal(file({2, 0, 0, 0, 3, 0, 2, 0}, ten, 2)), HasSubstr("do not increase"));
  EXPECT_THAT(refusal(file({2, 0, 0, 0, 3, 0, 10, 0}, ten, 2)), HasSubstr("beyond its last"));
  EXPECT_THAT(refusal(file({3, 0, 0, 0, 3, 0, 4, 0}, ten, 2)), HasSubstr("has 3 entries"));
  EXPECT_THAT(refusal(file({255, 255, 255, 255, 3, 0, 4, 0}, ten, 2)), HasSubstr("entries"));
  EXPECT_THAT(refusal(file({1, 0, 0, 0, 3, 0, 4, 0}, ten, 2)), HasSubstr("after its last value"));
}

TEST(UpdateReader, CompressedDataMustBeOneFrameOfTheRightLength) {
  const std::string three = R"([["w",[3]]])", zstd = R"({"name":"int8","block":16,"zstd":true})";
  const Bytes raw = joined(Bytes(4), bytes_of({1, 2, 3}));
  const auto file = [&](const Bytes& data) { return encoded_file(zstd, three, data); };
  EXPECT_EQ(refusal(file(compressed(raw))), "");
  EXPECT_THAT(refusal(file({})), HasSubstr("do not begin"));
  EXPECT_THAT(refusal(file(raw)), HasSubstr("do not begin"));
  EXPECT_THAT(refusal(file(compressed(joined(raw, Bytes(1))))), HasSubstr("needs 7"));
  EXPECT_THAT(refusal(file(compressed(Bytes(6)))), HasSubstr("needs 7"));
  EXPECT_THAT(refusal(file(compressed(joined(raw, Bytes(1)), 0, false))), HasSubstr("go on"));
  EXPECT_THAT(refusal(file(compressed(Bytes(6), 0, false))), HasSubstr("before its last value"));
  EXPECT_THAT(refusal(file(joined(compressed(raw), Bytes(1)))), HasSubstr("something follows"));
  EXPECT_THAT(refusal(file(joined(compressed(raw), compressed(raw)))),
              HasSubstr("something follows"));
}

// A bomb: a small file that would be large, in a window that would be large.
TEST(UpdateReader, AWindowThatIsTooLargeIsNotAllocated) {
  const std::size_t count = 20'000'000;
  const Bytes frame = compressed(Bytes(4 * count), 27);
  EXPECT_LT(frame.size(), 10'000u);
  EXPECT_THAT(
      refusal(encoded_file(R"({"name":"fp32","zstd":true})", R"([["w",[20000000]]])", frame)),
      HasSubstr("zstd says"));
}

TEST(UpdateReader, NestedTextDoesNotBecomeALargeTree) {
  const std::string deep(200'000, '[');
  EXPECT_NE(refusal(encoded_file(deep, R"([["w",[1]]])", Bytes(5))), "");
  EXPECT_NE(refusal(encoded_file(R"({"name":"int8","block":16})", deep, Bytes(5))), "");
  EXPECT_NE(refusal(file_of(deep, {})), "");
}

std::size_t allocated() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;  // nothing where a sanitizer allocates
}

// The most memory that reading takes at any time, beside the file.
std::size_t memory_of(const Bytes& file) {
  std::size_t most = 0;
  std::vector<float> part(16'384);
  const std::size_t before = allocated();
  const auto sample = [&] { most = std::max(most, allocated() - before); };
  const auto read_at = [&](std::uint64_t offset, MutableByteView into) -> Status {
    EXPECT_LE(into.size(), 65'536u * 6) << "one chunk";
    sample();
    std::ranges::copy(ByteView(file).subspan(offset, into.size()), into.begin());
    return {};
  };
  const auto opened = open_update(read_at, file.size());
  EXPECT_TRUE(opened);
  std::size_t values = 0;
  while (const std::size_t count = *opened->values->read(part)) {
    values += count;
    sample();
  }
  EXPECT_EQ(values, opened->values->layout().element_count());
  return most;
}

TEST(UpdateReader, MemoryIsOneChunkAndOneWindowWhateverTheModel) {
  constexpr std::size_t kCount = 1 << 20;
  const std::vector<float> values = normal_values(kCount, 1);
  for (EncodingChoice choice : all_choices()) {
    choice.ratio = 1.0;
    const Bytes file = *encode_update(choice, layout_of(kCount), values, 1);
    EXPECT_LT(memory_of(file), choice.zstd > 0 ? 2'500'000u : 1'000'000u) << label(choice);
  }
}

TEST(UpdateReader, AFileThatCannotBeReadIsNotCalledDamaged) {
  for (const EncodingChoice& choice : all_choices()) {
    const Bytes file = *encode_update(choice, layout_of(1'000), normal_values(1'000, 1), 1);
    for (int reads = 0;; ++reads) {
      int left = reads;
      const auto read_at = [&](std::uint64_t offset, MutableByteView into) -> Status {
        if (left-- <= 0) return make_error(ErrorCode::kIo, "the disk fails");
        return read_of(file)(offset, into);
      };
      const auto opened = open_update(read_at, file.size());
      std::vector<float> values(1'000);
      const auto count = opened ? opened->values->read(values) : opened.error();
      if (count) break;
      ASSERT_EQ(count.error().code, ErrorCode::kIo) << label(choice) << " " << reads;
    }
  }
}

}  // namespace
}  // namespace tributary
