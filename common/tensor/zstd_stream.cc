// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>

#include <algorithm>

#include "common/base/limits.h"
#include "common/tensor/encoded_stream.h"

namespace tributary {
namespace {

template <auto Free>
struct Freer {
  template <typename Context>
  void operator()(Context* context) const {
    Free(context);
  }
};
using Decompressor = std::unique_ptr<ZSTD_DCtx, Freer<ZSTD_freeDCtx>>;
using Compressor = std::unique_ptr<ZSTD_CCtx, Freer<ZSTD_freeCCtx>>;

Error no_memory() { return make_error(ErrorCode::kResourceExhausted, "no memory for zstd"); }

class ZstdStream final : public EncodedStream {
 public:
  ZstdStream(FilePart part, std::uint64_t bytes, Decompressor zstd)
      : EncodedStream(bytes),
        part_(std::move(part)),
        bytes_(bytes),
        zstd_(std::move(zstd)),
        input_(ZSTD_DStreamInSize()) {}

  // A frame that names another length is refused before anything of it is decompressed.
  Status begin() {
    TRIB_CHECK_OK(refill());
    const auto length = ZSTD_getFrameContentSize(input_.data(), in_.size);
    if (length == ZSTD_CONTENTSIZE_ERROR)
      return damaged_update("its data do not begin as zstd's do");
    if (length == ZSTD_CONTENTSIZE_UNKNOWN || length == bytes_) return {};
    return damaged_update("its data are " + std::to_string(length) +
                          " bytes when decompressed, its layout needs " + std::to_string(bytes_));
  }

 private:
  Status fill(MutableByteView into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos < out.size) {
      if (ended_) return damaged_update("its data end before its last value");
      TRIB_CHECK_OK(step(out));
    }
    return {};
  }

  Status at_end() override {
    std::byte beyond{};
    ZSTD_outBuffer out{&beyond, 1, 0};
    while (!ended_) {
      TRIB_CHECK_OK(step(out));
      if (out.pos > 0) return damaged_update("its data go on after its last value");
    }
    if (in_.pos < in_.size || part_.begin < part_.end)
      return damaged_update("something follows on its compressed data");
    return {};
  }

  Status refill() {
    const std::uint64_t count = std::min<std::uint64_t>(input_.size(), part_.end - part_.begin);
    TRIB_CHECK_OK(
        part_.read_at(part_.begin, std::span(input_).first(static_cast<std::size_t>(count))));
    part_.begin += count;
    in_ = {input_.data(), static_cast<std::size_t>(count), 0};
    return {};
  }

  Status step(ZSTD_outBuffer& out) {
    if (in_.pos == in_.size && part_.begin < part_.end) TRIB_CHECK_OK(refill());
    const std::size_t before = out.pos;
    const bool all_given = in_.pos == in_.size;
    const std::size_t wanted = ZSTD_decompressStream(zstd_.get(), &out, &in_);
    if (ZSTD_isError(wanted) != 0)
      return damaged_update(std::string("zstd says: ") + ZSTD_getErrorName(wanted));
    ended_ = wanted == 0;
    if (!ended_ && all_given && out.pos == before)
      return damaged_update("its compressed data end too early");
    return {};
  }

  FilePart part_;  // what has not been read
  std::uint64_t bytes_;
  Decompressor zstd_;
  Bytes input_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool ended_ = false;
};

class OneFrameWriter final : public ZstdWriter {
 public:
  explicit OneFrameWriter(Compressor zstd)
      : zstd_(std::move(zstd)), output_(ZSTD_CStreamOutSize()) {}

  Status write(ByteView bytes, bool last, Bytes& out) override {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (bool done = false; !done;) {
      ZSTD_outBuffer part{output_.data(), output_.size(), 0};
      const std::size_t left =
          ZSTD_compressStream2(zstd_.get(), &part, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0) {
        return make_error(ErrorCode::kInternal,
                          std::string("compression failed: ") + ZSTD_getErrorName(left));
      }
      out.insert(out.end(), output_.begin(),
                 output_.begin() + static_cast<std::ptrdiff_t>(part.pos));
      done = last ? left == 0 : in.pos == in.size;
    }
    return {};
  }

 private:
  Compressor zstd_;
  Bytes output_;
};

}  // namespace

Result<std::unique_ptr<EncodedStream>> open_zstd_stream(FilePart part, std::uint64_t bytes) {
  Decompressor zstd(ZSTD_createDCtx());
  if (!zstd) return no_memory();
  // A window larger than this is an error, and not an allocation.
  ZSTD_DCtx_setParameter(zstd.get(), ZSTD_d_windowLogMax, limits::kZstdWindowLogMax);
  auto stream = std::make_unique<ZstdStream>(std::move(part), bytes, std::move(zstd));
  TRIB_CHECK_OK(stream->begin());
  return std::unique_ptr<EncodedStream>(std::move(stream));
}

Result<std::unique_ptr<ZstdWriter>> ZstdWriter::open(int level, std::uint64_t bytes) {
  Compressor zstd(ZSTD_createCCtx());
  if (!zstd) return no_memory();
  ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_compressionLevel, level);
  // Updates do not repeat themselves over megabytes: a small window saves the reader's memory.
  ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_windowLog, limits::kZstdWindowLog);
  ZSTD_CCtx_setPledgedSrcSize(zstd.get(), bytes);
  return std::unique_ptr<ZstdWriter>(new OneFrameWriter(std::move(zstd)));
}

}  // namespace tributary
