// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "common/tensor/encoding.h"

namespace tributary {
namespace {

class Encoder final : public ChunkEncoder {
 public:
  void encode(std::uint64_t, std::span<const float> values, Bytes& out) override {
    const ByteView bytes = std::as_bytes(values);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
};

class Decoder final : public ChunkDecoder {
 public:
  Result<StoredValues> next(EncodedStream& stream, std::size_t count) override {
    values_.resize(count);
    TRIB_CHECK_OK(stream.take(std::as_writable_bytes(std::span(values_))));
    return StoredValues::of(values_);
  }

 private:
  std::vector<float> values_;
};

std::uint64_t stream_bytes(const EncodingSpec&, std::uint64_t values) {
  return values * sizeof(float);
}

Result<std::unique_ptr<ChunkEncoder>> encoder(const EncodingSpec&, const AllValues&,
                                              std::uint64_t) {
  return std::unique_ptr<ChunkEncoder>(std::make_unique<Encoder>());
}

std::unique_ptr<ChunkDecoder> decoder(const EncodingSpec&) { return std::make_unique<Decoder>(); }

}  // namespace

const UpdateEncoding& fp32_update_encoding() {
  static constexpr UpdateEncoding kEncoding{.name = "fp32",
                                            .help = "Every value as it is",
                                            .plain = ElementType::kF32,
                                            .block = 0,
                                            .sparse = false,
                                            .stream_bytes = stream_bytes,
                                            .encoder = encoder,
                                            .decoder = decoder};
  return kEncoding;
}

}  // namespace tributary
