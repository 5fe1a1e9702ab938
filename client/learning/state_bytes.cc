// SPDX-License-Identifier: Apache-2.0
#include "client/learning/state_bytes.h"

#include <bit>
#include <cstring>

namespace tributary {
namespace {

Error damaged(const char* what) {
  return make_error(ErrorCode::kDataLoss, std::string("a training's state ") + what);
}

}  // namespace

void StateWriter::number(std::uint64_t value) {
  bytes_.resize(bytes_.size() + sizeof value);
  put_little_endian(bytes_.data() + bytes_.size() - sizeof value, value);
}

void StateWriter::real(double value) { number(std::bit_cast<std::uint64_t>(value)); }

void StateWriter::bytes(ByteView value) {
  number(value.size());
  bytes_.insert(bytes_.end(), value.begin(), value.end());
}

Result<std::uint64_t> StateReader::number() {
  constexpr std::size_t kSize = sizeof(std::uint64_t);
  if (rest_.size() < kSize) return damaged("ends too early");
  const auto value = get_little_endian<std::uint64_t>(rest_.data());
  rest_ = rest_.subspan(kSize);
  return value;
}

Result<double> StateReader::real() {
  TRIB_TRY(bits, number());
  return std::bit_cast<double>(bits);
}

Result<ByteView> StateReader::bytes() {
  TRIB_TRY(size, number());
  if (size > rest_.size()) return damaged("ends too early");
  const ByteView value = rest_.first(static_cast<std::size_t>(size));
  rest_ = rest_.subspan(value.size());
  return value;
}

Result<std::vector<float>> StateReader::floats() {
  TRIB_TRY(raw, bytes());
  if (raw.size() % sizeof(float) != 0) return damaged("holds a part of a number");
  std::vector<float> values(raw.size() / sizeof(float));
  if (!raw.empty()) std::memcpy(values.data(), raw.data(), raw.size());
  return values;
}

Status StateReader::end() const {
  return rest_.empty() ? Status{} : damaged("is longer than it should be");
}

}  // namespace tributary
