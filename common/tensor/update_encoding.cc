// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/update_encoding.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/tensor/encoded_file.h"
#include "common/tensor/encoding.h"
#include "common/tensor/kernels.h"
#include "common/tensor/update_reader.h"

namespace tributary {
namespace {

// Scales and their multiples stay finite below it.
constexpr double kValueMax = 0x1p126;

Error invalid(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

Error unusable_value() {
  return invalid("the update has a value that is no number, or beyond 2^126");
}

Status check_values(std::span<const float> values) {
  for (std::size_t at = 0; at < values.size(); at += kBlockValues) {
    const auto block = values.subspan(at, std::min(kBlockValues, values.size() - at));
    if (!examine_block(block, kValueMax).within) return unusable_value();
  }
  return {};
}

Status check_sums(std::span<const float> update, std::span<const float> residual) {
  for (std::size_t i = 0; i < update.size(); ++i) {
    if (!(std::abs(update[i] + residual[i]) <= static_cast<float>(kValueMax)))
      return unusable_value();
  }
  return {};
}

// The data section: the encoding's stream, compressed where that is asked for.
Result<Bytes> encode_data(const UpdateEncoding& encoding, const EncodingSpec& spec, int level,
                          std::span<const float> values, std::uint64_t seed) {
  const std::uint64_t stream_bytes = encoding.stream_bytes(spec, values.size());
  Bytes data;
  std::unique_ptr<ZstdWriter> zstd;
  if (spec.zstd) {
    TRIB_TRY(writer, ZstdWriter::open(level, stream_bytes));
    zstd = std::move(writer);
  } else {
    data.reserve(static_cast<std::size_t>(stream_bytes));
  }
  const auto encoder = encoding.encoder(spec, values, seed);
  Bytes chunk;
  for (std::size_t at = 0; at < values.size(); at += kChunkValues) {
    const auto part = values.subspan(at, std::min(kChunkValues, values.size() - at));
    if (!zstd) {
      encoder->encode(at, part, data);
      continue;
    }
    chunk.clear();
    encoder->encode(at, part, chunk);
    TRIB_CHECK_OK(zstd->write(chunk, /*last=*/false, data));
  }
  if (zstd) TRIB_CHECK_OK(zstd->write({}, /*last=*/true, data));
  return data;
}

// What was added is taken off again, as the reader will see it.
Status subtract_decoded(const Bytes& file, std::span<float> residual) {
  const auto read_at = [&file](std::uint64_t offset, MutableByteView into) -> Status {
    std::ranges::copy(ByteView(file).subspan(static_cast<std::size_t>(offset), into.size()),
                      into.begin());
    return {};
  };
  TRIB_TRY(opened, open_update(read_at, file.size()));
  std::vector<float> sent(kChunkValues);
  for (std::size_t at = 0; at < residual.size();) {
    TRIB_TRY(count, opened.values->read(sent));
    TRIB_ASSERT(count > 0, "a file of ours has fewer values than its update");
    for (std::size_t i = 0; i < count; ++i) residual[at + i] -= sent[i];
    at += count;
  }
  return {};
}

}  // namespace

Result<const UpdateEncoding*> find_update_encoding(std::string_view name) {
  std::string known;
  for (const UpdateEncoding* encoding : update_encoding_table()) {
    if (encoding->name == name) return encoding;
    known += (known.empty() ? "" : ", ") + std::string(encoding->name);
  }
  return invalid("no update encoding " + tributary::quoted(name) + "; there are: " + known);
}

Result<EncodingSpec> encoding_spec(const EncodingChoice& choice, std::uint64_t values) {
  TRIB_TRY(encoding, find_update_encoding(choice.name));
  if (choice.zstd < 0 || choice.zstd > limits::kZstdLevelMax)
    return invalid("zstd is a level from 1 to " + std::to_string(limits::kZstdLevelMax) +
                   ", or 0 for none");
  EncodingSpec spec{choice.name, 0, 0, choice.zstd > 0};
  if (encoding->block > 0) {
    spec.block = choice.block > 0 ? choice.block : encoding->block;
    if (spec.block < kScaleBlockMin || spec.block > kScaleBlockMax ||
        !std::has_single_bit(spec.block)) {
      return invalid("block is a power of two from " + std::to_string(kScaleBlockMin) + " to " +
                     std::to_string(kScaleBlockMax) + ", not " + std::to_string(spec.block));
    }
  }
  if (encoding->sparse) {
    if (choice.k == 0 && !(choice.ratio > 0.0 && choice.ratio <= 1.0))
      return invalid("ratio is above 0 and at most 1");
    const auto share =
        static_cast<std::uint64_t>(std::ceil(choice.ratio * static_cast<double>(values)));
    spec.k = std::min(choice.k > 0 ? choice.k : share, values);
  }
  return spec;
}

std::string describe(const EncodingSpec& spec) {
  std::string text = spec.name;
  if (spec.block > 0) text += " in blocks of " + std::to_string(spec.block);
  if (spec.k > 0) text += " with k = " + std::to_string(spec.k);
  return spec.zstd ? text + ", zstd" : text;
}

Result<Bytes> encode_update(const EncodingChoice& choice, const Layout& layout,
                            std::span<const float> values, std::uint64_t seed) {
  TRIB_ASSERT(values.size() == layout.element_count(), "values do not fill their layout");
  TRIB_TRY(spec, encoding_spec(choice, values.size()));
  TRIB_TRY(encoding, find_update_encoding(choice.name));
  if (encoding->plain != ElementType::kF32) TRIB_CHECK_OK(check_values(values));
  TRIB_TRY(data, encode_data(*encoding, spec, choice.zstd, values, seed));
  Bytes file = encoding->plain && !spec.zstd ? write_safetensors_head(layout, {}, *encoding->plain)
                                             : write_encoded_head(spec, layout, data.size());
  file.reserve(file.size() + data.size());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

Result<Bytes> encode_with_feedback(const EncodingChoice& choice, const Layout& layout,
                                   std::span<const float> update, std::span<float> residual,
                                   std::uint64_t seed) {
  TRIB_ASSERT(update.size() == residual.size(), "a residual of another update");
  TRIB_TRY(spec, encoding_spec(choice, update.size()));
  TRIB_CHECK_OK(check_sums(update, residual));
  for (std::size_t i = 0; i < update.size(); ++i) residual[i] += update[i];
  TRIB_TRY(file, encode_update(choice, layout, residual, seed));
  TRIB_CHECK_OK(subtract_decoded(file, residual));
  return file;
}

}  // namespace tributary
