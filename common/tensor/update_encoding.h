// SPDX-License-Identifier: Apache-2.0
// How a site's update is written: the choice of an encoding, and the file that comes of it. What is
// lost in the encoding can be kept and sent later (error feedback). README.md has the format,
// update_reader.h reads it. Plain functions, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/tensor/layout.h"

namespace tributary {

// What a job asks for. An option that the encoding does not have is ignored.
struct EncodingChoice {
  std::string name = "fp32";
  std::uint32_t block = 0;  // int8, int4: values under one scale; 0: as many as the encoding likes
  double ratio = 0.01;  // top_k, random_k: share of the values that is sent, above 0 and up to 1
  std::uint64_t k = 0;  // the same as a number; 0: by ratio
  int zstd = 0;         // level of compression, 1 to 19; 0: none
  bool operator==(const EncodingChoice&) const = default;
};

// What a file says about itself: all that its reader must know.
struct EncodingSpec {
  std::string name = "fp32";
  std::uint32_t block = 0;  // 0 where there are no scales
  std::uint64_t k = 0;      // 0 where every value is sent
  bool zstd = false;
  bool operator==(const EncodingSpec&) const = default;
};

// What the files say that are written by this choice for a model of so many values.
// kInvalidArgument: no such encoding (the message names those there are), or an option out of
// range.
Result<EncodingSpec> encoding_spec(const EncodingChoice& choice, std::uint64_t values);

// "int8 in blocks of 1024, zstd".
std::string describe(const EncodingSpec& spec);

// The file of an update: the same bytes for the same arguments (and the same zstd). `seed` decides
// how values are rounded (int8, int4) and which are sent (random_k); it should differ from site to
// site and from round to round. fp32 without zstd is encode_safetensors' file.
// kInvalidArgument: as encoding_spec, or a value that is no number or beyond 2^126 (fp32 sends it).
Result<Bytes> encode_update(const EncodingChoice& choice, const Layout& layout,
                            std::span<const float> values, std::uint64_t seed);

// Error feedback (Seide et al. 2014, Karimireddy et al. 2019): writes update + residual, and leaves
// in `residual` what the file lacks of it. After any number of rounds, all that was sent and the
// residual make all updates, up to float32 rounding. `residual` starts as zeros and is untouched
// after kInvalidArgument. Takes no second copy of the update.
Result<Bytes> encode_with_feedback(const EncodingChoice& choice, const Layout& layout,
                                   std::span<const float> update, std::span<float> residual,
                                   std::uint64_t seed);

}  // namespace tributary
