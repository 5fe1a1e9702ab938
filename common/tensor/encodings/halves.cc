// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/encodings/halves.h"

#include <bit>
#include <vector>

namespace tributary {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are copied as they lie in memory");

class HalfEncoder final : public ChunkEncoder {
 public:
  explicit HalfEncoder(std::uint16_t (*narrow)(float)) : narrow_(narrow) {}

  void encode(std::uint64_t, std::span<const float> values, Bytes& out) override {
    const std::size_t at = out.size();
    out.resize(at + values.size() * sizeof(std::uint16_t));
    for (std::size_t i = 0; i < values.size(); ++i)
      put_little_endian(out.data() + at + i * sizeof(std::uint16_t), narrow_(values[i]));
  }

 private:
  std::uint16_t (*narrow_)(float);
};

class HalfDecoder final : public ChunkDecoder {
 public:
  explicit HalfDecoder(StoredForm form) : form_(form) {}

  Result<StoredValues> next(EncodedStream& stream, std::size_t count) override {
    halves_.resize(count);
    const MutableByteView bytes = std::as_writable_bytes(std::span(halves_));
    TRIB_CHECK_OK(stream.take(bytes));
    return StoredValues{form_, bytes.data(), 0, count, 0};
  }

 private:
  StoredForm form_;
  std::vector<std::uint16_t> halves_;
};

}  // namespace

std::uint64_t half_stream_bytes(const EncodingSpec&, std::uint64_t values) {
  return values * sizeof(std::uint16_t);
}

std::unique_ptr<ChunkEncoder> half_encoder(std::uint16_t (*narrow)(float)) {
  return std::make_unique<HalfEncoder>(narrow);
}

std::unique_ptr<ChunkDecoder> half_decoder(StoredForm form) {
  return std::make_unique<HalfDecoder>(form);
}

}  // namespace tributary
