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
        to_read_(layout_.element_count()) {}

  const Layout& layout() const override { return layout_; }

  Result<std::size_t> read(std::span<float> into) override {
    std::size_t filled = 0;
    while (filled < into.size()) {
      TRIB_TRY(run, next(into.size() - filled, kChunkValues));
      if (run.count == 0) break;
      widen(run, into.subspan(filled, run.count));
      filled += run.count;
    }
    return filled;
  }

  Result<StoredValues> read_stored(std::size_t count, std::vector<float>&) override {
    return next(count, std::max(kChunkValues, count / kChunkValues * kChunkValues));
  }

 private:
  // The next values, at most `count`; where none are left of those that were read, of so many more.
  Result<StoredValues> next(std::size_t count, std::size_t more) {
    if (rest_.count == 0) TRIB_CHECK_OK(refill(std::min(more, to_read_)));
    const StoredValues run = rest_.part(0, std::min(count, rest_.count));
    rest_ = rest_.part(run.count, rest_.count - run.count);
    return run;
  }

  // The last values are not given away before the file has ended where it should.
  Status refill(std::size_t count) {
    if (count == 0) return {};
    TRIB_TRY(read, decoder_->next(*stream_, count));
    to_read_ -= count;
    if (to_read_ == 0) TRIB_CHECK_OK(stream_->finish());
    rest_ = read;
    return {};
  }

  Layout layout_;
  std::unique_ptr<EncodedStream> stream_;
  std::unique_ptr<ChunkDecoder> decoder_;
  std::size_t to_read_;  // values
  StoredValues rest_;    // read and not given away
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
