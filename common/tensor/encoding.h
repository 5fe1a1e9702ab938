// SPDX-License-Identifier: Apache-2.0
// UpdateEncoding: a plug-in that turns values into a stream of bytes and back, a chunk at a time.
// Inside this room only. Factories are constants, any thread; a coder belongs to one file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/tensor/encoded_stream.h"
#include "common/tensor/safetensors_header.h"
#include "common/tensor/stored_values.h"
#include "common/tensor/update_encoding.h"

namespace tributary {

// The unit of the stream: the last chunk has what is left. Offsets in a chunk take 16 bits, and a
// chunk of float32 lies in a processor's second cache.
inline constexpr std::size_t kChunkValues = 65'536;
// A block has one scale; it is a power of two, and so never crosses the end of a chunk.
inline constexpr std::uint32_t kScaleBlockMin = 16;
inline constexpr std::uint32_t kScaleBlockMax = kChunkValues;

class ChunkEncoder {
 public:
  virtual ~ChunkEncoder() = default;
  // Appends the bytes of the chunk that starts with value `first`; chunks come in order.
  virtual void encode(std::uint64_t first, std::span<const float> values, Bytes& out) = 0;
};

class ChunkDecoder {
 public:
  virtual ~ChunkDecoder() = default;
  // The next chunks: `count` is a multiple of kChunkValues, or all that are left. The view lasts
  // until the next call.
  virtual Result<StoredValues> next(EncodedStream& stream, std::size_t count) = 0;
};

// The values of a file, which are gone through as often as need be: `pass` calls `take` with one
// chunk after another, from the first, and fails as `take` does, or as what the values come from.
struct AllValues {
  using Take = std::function<Status(std::span<const float> chunk)>;
  std::uint64_t count = 0;
  std::function<Status(const Take& take)> pass;
};

struct UpdateEncoding {
  std::string_view name;
  std::string_view help;
  // Without zstd, the file is a safetensors file whose tensors have this type.
  std::optional<ElementType> plain;
  std::uint32_t block;  // values under one scale where the job says nothing; 0: no scales
  bool sparse;          // sends k values
  // The exact length of the stream of so many values.
  std::uint64_t (*stream_bytes)(const EncodingSpec& spec, std::uint64_t values);
  // `all`: the values that will come, of which some encodings choose.
  Result<std::unique_ptr<ChunkEncoder>> (*encoder)(const EncodingSpec& spec, const AllValues& all,
                                                   std::uint64_t seed);
  std::unique_ptr<ChunkDecoder> (*decoder)(const EncodingSpec& spec);
};

std::span<const UpdateEncoding* const> update_encoding_table();  // generated
// kInvalidArgument, with the names there are.
Result<const UpdateEncoding*> find_update_encoding(std::string_view name);

// The file that encode_update writes, of values that nobody holds: its bytes come in order, at most
// those of a chunk at a time. zstd costs the work twice, as the header says how long the rest is.
// Errors are those of encode_update, `all` and `out`; a value must be a number, whatever the
// encoding.
Status write_update(const EncodingChoice& choice, const Layout& layout, const AllValues& all,
                    std::uint64_t seed, const std::function<Status(ByteView)>& out);

}  // namespace tributary
