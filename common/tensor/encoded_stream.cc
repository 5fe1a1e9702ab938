// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/encoded_stream.h"

namespace tributary {
namespace {

class RawStream final : public EncodedStream {
 public:
  RawStream(FilePart part, std::uint64_t bytes) : EncodedStream(bytes), part_(std::move(part)) {}

 private:
  Status fill(MutableByteView into) override {
    TRIB_CHECK_OK(part_.read_at(part_.begin, into));
    part_.begin += into.size();
    return {};
  }
  Status at_end() override { return {}; }

  FilePart part_;
};

}  // namespace

Error damaged_update(const std::string& what) {
  return make_error(ErrorCode::kDataLoss, "not a usable update: " + what);
}

Status EncodedStream::take(MutableByteView into) {
  if (into.size() > left_) return damaged_update("its data end before its last value");
  TRIB_CHECK_OK(fill(into));
  left_ -= into.size();
  return {};
}

Status EncodedStream::finish() {
  if (left_ > 0) {
    return damaged_update(std::to_string(left_) + " bytes of its data come after its last value");
  }
  return at_end();
}

Result<std::unique_ptr<EncodedStream>> open_raw_stream(FilePart part, std::uint64_t bytes) {
  const std::uint64_t there = part.end - part.begin;
  if (there != bytes) {
    return damaged_update("it has " + std::to_string(there) + " bytes of data, its layout needs " +
                          std::to_string(bytes));
  }
  return std::unique_ptr<EncodedStream>(new RawStream(std::move(part), bytes));
}

}  // namespace tributary
