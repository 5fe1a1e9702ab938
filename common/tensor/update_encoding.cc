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

using TakeBytes = std::function<Status(ByteView)>;

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

AllValues in_memory(std::span<const float> values) {
  return {values.size(), [values](const AllValues::Take& take) -> Status {
            for (std::size_t at = 0; at < values.size(); at += kChunkValues)
              TRIB_CHECK_OK(take(values.subspan(at, std::min(kChunkValues, values.size() - at))));
            return {};
          }};
}

// What a file is to be, beside its values.
struct Plan {
  const UpdateEncoding& encoding;
  EncodingSpec spec;
  int level;  // of zstd
  std::uint64_t seed;

  std::uint64_t stream_bytes(std::uint64_t values) const {
    return encoding.stream_bytes(spec, values);
  }
  Bytes head(const Layout& layout, std::uint64_t data_bytes) const {
    return encoding.plain && !spec.zstd ? write_safetensors_head(layout, {}, *encoding.plain)
                                        : write_encoded_head(spec, layout, data_bytes);
  }
};

Result<Plan> plan_of(const EncodingChoice& choice, std::uint64_t values, std::uint64_t seed) {
  TRIB_TRY(spec, encoding_spec(choice, values));
  TRIB_TRY(encoding, find_update_encoding(choice.name));
  return Plan{*encoding, std::move(spec), choice.zstd, seed};
}

// The data section: the encoding's stream, compressed where that is asked for.
Status encode_data(const Plan& plan, const AllValues& all, const TakeBytes& out) {
  std::unique_ptr<ZstdWriter> zstd;
  if (plan.spec.zstd) {
    TRIB_TRY(writer, ZstdWriter::open(plan.level, plan.stream_bytes(all.count)));
    zstd = std::move(writer);
  }
  TRIB_TRY(encoder, plan.encoding.encoder(plan.spec, all, plan.seed));
  Bytes chunk, packed;
  const auto pack = [&](bool last) -> Status {
    packed.clear();
    TRIB_CHECK_OK(zstd->write(chunk, last, packed));
    return out(packed);
  };
  std::uint64_t at = 0;
  TRIB_CHECK_OK(all.pass([&](std::span<const float> values) -> Status {
    chunk.clear();
    encoder->encode(at, values, chunk);
    at += values.size();
    return zstd ? pack(/*last=*/false) : out(chunk);
  }));
  chunk.clear();
  return zstd ? pack(/*last=*/true) : Status();
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
  TRIB_TRY(plan, plan_of(choice, values.size(), seed));
  if (plan.encoding.plain != ElementType::kF32) TRIB_CHECK_OK(check_values(values));
  Bytes file, data;
  Bytes& into = plan.spec.zstd ? data : file;
  if (!plan.spec.zstd) {
    const std::uint64_t bytes = plan.stream_bytes(values.size());
    file = plan.head(layout, bytes);
    file.reserve(file.size() + static_cast<std::size_t>(bytes));
  }
  TRIB_CHECK_OK(encode_data(plan, in_memory(values), [&into](ByteView part) -> Status {
    into.insert(into.end(), part.begin(), part.end());
    return {};
  }));
  if (plan.spec.zstd) {
    file = plan.head(layout, data.size());
    file.insert(file.end(), data.begin(), data.end());
  }
  return file;
}

Status write_update(const EncodingChoice& choice, const Layout& layout, const AllValues& all,
                    std::uint64_t seed, const TakeBytes& out) {
  TRIB_TRY(plan, plan_of(choice, all.count, seed));
  TRIB_CHECK_OK(all.pass(check_values));
  std::uint64_t data_bytes = plan.stream_bytes(all.count);
  if (plan.spec.zstd) {
    data_bytes = 0;
    TRIB_CHECK_OK(encode_data(plan, all, [&data_bytes](ByteView part) -> Status {
      data_bytes += part.size();
      return {};
    }));
  }
  TRIB_CHECK_OK(out(plan.head(layout, data_bytes)));
  return encode_data(plan, all, out);
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
