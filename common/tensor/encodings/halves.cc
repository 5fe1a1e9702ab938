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
  explicit HalfDecoder(void (*widen)(std::span<const std::uint16_t>, std::span<float>))
      : widen_(widen) {}

  Status decode(EncodedStream& stream, std::span<float> into) override {
    halves_.resize(into.size());
    TRIB_CHECK_OK(stream.take(std::as_writable_bytes(std::span(halves_))));
    widen_(halves_, into);
    return {};
  }

 private:
  void (*widen_)(std::span<const std::uint16_t>, std::span<float>);
  std::vector<std::uint16_t> halves_;
};

}  // namespace

std::uint64_t half_stream_bytes(const EncodingSpec&, std::uint64_t values) {
  return values * sizeof(std::uint16_t);
}

std::unique_ptr<ChunkEncoder> half_encoder(std::uint16_t (*narrow)(float)) {
  return std::make_unique<HalfEncoder>(narrow);
}

std::unique_ptr<ChunkDecoder> half_decoder(void (*widen)(std::span<const std::uint16_t>,
                                                         std::span<float>)) {
  return std::make_unique<HalfDecoder>(widen);
}

}  // namespace tributary
