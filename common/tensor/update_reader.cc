// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/update_reader.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/tensor/encoded_file.h"
#include "common/tensor/encoding.h"
#include "common/tensor/safetensors_reader.h"

namespace tributary {
namespace {

class EncodedReader final : public ValueSource {
 public:
  EncodedReader(Layout layout, std::unique_ptr<EncodedStream> stream,
                std::unique_ptr<ChunkDecoder> decoder)
      : layout_(std::move(layout)),
        stream_(std::move(stream)),
        decoder_(std::move(decoder)),
        to_decode_(layout_.element_count()) {}

  const Layout& layout() const override { return layout_; }

  Result<std::size_t> read(std::span<float> into) override {
    std::size_t filled = 0;
    while (filled < into.size()) {
      if (rest_.empty() && to_decode_ == 0) break;
      const std::span<float> room = into.subspan(filled);
      const std::size_t next = std::min(kChunkValues, to_decode_);
      if (rest_.empty() && room.size() >= next) {
        TRIB_CHECK_OK(decode(room.first(next)));
        filled += next;
        continue;
      }
      if (rest_.empty()) {
        chunk_.resize(next);
        TRIB_CHECK_OK(decode(chunk_));
        rest_ = chunk_;
      }
      const std::size_t count = std::min(room.size(), rest_.size());
      std::ranges::copy(rest_.first(count), room.begin());
      rest_ = rest_.subspan(count);
      filled += count;
    }
    return filled;
  }

 private:
  // The last chunk is not given away before the file has ended where it should.
  Status decode(std::span<float> into) {
    TRIB_CHECK_OK(decoder_->decode(*stream_, into));
    to_decode_ -= into.size();
    return to_decode_ == 0 ? stream_->finish() : Status();
  }

  Layout layout_;
  std::unique_ptr<EncodedStream> stream_;
  std::unique_ptr<ChunkDecoder> decoder_;
  std::size_t to_decode_;        // values
  std::vector<float> chunk_;     // where the caller asks for less than a chunk
  std::span<const float> rest_;  // of it, not given away
};

// A plain file says it with the type of its tensors.
std::string plain_name(const SafetensorsHead& head) {
  std::optional<ElementType> type;
  for (const StoredTensor& tensor : head.tensors) {
    if (type && *type != tensor.type) return "mixed";
    type = tensor.type;
  }
  for (const UpdateEncoding* encoding : update_encoding_table()) {
    if (encoding->plain == type.value_or(ElementType::kF32)) return std::string(encoding->name);
  }
  return "mixed";
}

}  // namespace

Result<OpenedUpdate> open_update(ReadAt read_at, std::uint64_t bytes) {
  TRIB_TRY(head, read_safetensors_head(read_at, bytes));
  if (!head.metadata.contains(kEncodingKey)) {
    EncodingSpec spec{plain_name(head), 0, 0, false};
    TRIB_TRY(values, SafetensorsReader::open(std::move(read_at), std::move(head)));
    return OpenedUpdate{std::move(spec), std::move(values)};
  }
  TRIB_TRY(encoded, read_encoded_head(head));
  TRIB_TRY(encoding, find_update_encoding(encoded.spec.name));
  const std::uint64_t stream_bytes =
      encoding->stream_bytes(encoded.spec, encoded.layout.element_count());
  FilePart part{std::move(read_at), head.data_at, bytes};
  TRIB_TRY(stream, encoded.spec.zstd ? open_zstd_stream(std::move(part), stream_bytes)
                                     : open_raw_stream(std::move(part), stream_bytes));
  if (encoded.layout.element_count() == 0) TRIB_CHECK_OK(stream->finish());
  auto decoder = encoding->decoder(encoded.spec);
  OpenedUpdate update;
  update.spec = encoded.spec;
  update.values = std::make_unique<EncodedReader>(std::move(encoded.layout), std::move(stream),
                                                  std::move(decoder));
  return update;
}

}  // namespace tributary
