// SPDX-License-Identifier: Apache-2.0
// EncodedStream: the bytes of an encoded update in order, as they lie in the file or decompressed
// on the way. Knows how many there must be, and gives neither fewer nor more. Inside this room
// only. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/tensor/value_stream.h"

namespace tributary {

// kDataLoss: "not a usable update: ...".
Error damaged_update(const std::string& what);

class EncodedStream {
 public:
  virtual ~EncodedStream() = default;
  Status take(MutableByteView into);
  // After the last value: nothing may be left.
  Status finish();

 protected:
  explicit EncodedStream(std::uint64_t bytes) : left_(bytes) {}

 private:
  virtual Status fill(MutableByteView into) = 0;
  virtual Status at_end() = 0;

  std::uint64_t left_;
};

// The part of a file that holds the stream.
struct FilePart {
  ReadAt read_at;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// `bytes`: how long the stream must be, decompressed.
Result<std::unique_ptr<EncodedStream>> open_raw_stream(FilePart part, std::uint64_t bytes);
Result<std::unique_ptr<EncodedStream>> open_zstd_stream(FilePart part, std::uint64_t bytes);

// Compresses a stream of known length into one zstd frame.
class ZstdWriter {
 public:
  static Result<std::unique_ptr<ZstdWriter>> open(int level, std::uint64_t bytes);
  virtual ~ZstdWriter() = default;
  // Appends to `out` what is ready; everything after the last.
  virtual Status write(ByteView bytes, bool last, Bytes& out) = 0;
};

}  // namespace tributary
