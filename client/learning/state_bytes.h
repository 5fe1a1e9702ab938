// SPDX-License-Identifier: Apache-2.0
// StateWriter and StateReader: a training's state as bytes of this machine and this software, to be
// read by nobody else. Every value is checked to be there; whether the bytes are whole is the
// keeper's to know. One owner, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tributary {

class StateWriter {
 public:
  // As many bytes are written without moving those before; more may follow.
  explicit StateWriter(std::size_t room) { bytes_.reserve(room); }

  void number(std::uint64_t value);
  void real(double value);
  void bytes(ByteView value);  // its length goes in front
  void floats(std::span<const float> values) { bytes(std::as_bytes(values)); }

  Bytes take() && { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// Errors are kDataLoss. The bytes outlive the reader.
class StateReader {
 public:
  explicit StateReader(ByteView bytes) : rest_(bytes) {}

  Result<std::uint64_t> number();
  Result<double> real();
  Result<ByteView> bytes();
  Result<std::vector<float>> floats();
  Status end() const;  // nothing is left

 private:
  ByteView rest_;
};

}  // namespace tributary
