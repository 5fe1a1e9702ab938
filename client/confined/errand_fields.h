// SPDX-License-Identifier: Apache-2.0
// ErrandWriter and ErrandReader: values one after the other as bytes of this machine, called alike,
// so that one list of fields serves both directions. One owner, one thread. Reading never goes
// beyond the bytes; the first fault stays, and values after it are as they were.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "client/learning/state_bytes.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

template <typename T>
concept SmallField = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class ErrandWriter {
 public:
  explicit ErrandWriter(std::size_t room = 1024) : to_(room) {}

  template <SmallField T>
  void operator()(T value) {
    if constexpr (std::is_floating_point_v<T>) {
      to_.real(static_cast<double>(value));
    } else {
      to_.number(static_cast<std::uint64_t>(value));
    }
  }
  void operator()(const std::string& text) { to_.bytes(as_bytes(text)); }
  void operator()(const std::vector<float>& values) { to_.floats(values); }
  void operator()(const Bytes& bytes) { to_.bytes(bytes); }
  template <typename T>
  void operator()(const std::vector<T>& values) {
    to_.number(values.size());
    for (const T& value : values) (*this)(value);
  }
  void operator()(const OptionMap& options) {
    to_.number(options.size());
    for (const auto& [name, value] : options) {
      (*this)(name);
      to_.number(value.index());
      std::visit([this](const auto& held) { (*this)(held); }, value);
    }
  }
  void operator()(const PluginChoice& choice) {
    (*this)(choice.name);
    (*this)(choice.options);
  }
  void operator()(const TensorInfo& tensor) {
    (*this)(tensor.name);
    (*this)(tensor.shape);
  }
  void operator()(const Layout& layout) { (*this)(layout.tensors); }

  Bytes take() && { return std::move(to_).take(); }

 private:
  StateWriter to_;
};

class ErrandReader {
 public:
  explicit ErrandReader(ByteView bytes) : size_(bytes.size()), from_(bytes) {}

  template <SmallField T>
  void operator()(T& value) {
    if constexpr (std::is_floating_point_v<T>) {
      take(from_.real(), [&value](double read) { value = static_cast<T>(read); });
    } else {
      take(from_.number(), [&value](std::uint64_t read) { value = static_cast<T>(read); });
    }
  }
  void operator()(std::string& text) {
    take(from_.bytes(), [&text](ByteView read) { text = as_text(read); });
  }
  void operator()(std::vector<float>& values) {
    take(from_.floats(), [&values](std::vector<float> read) { values = std::move(read); });
  }
  void operator()(Bytes& bytes) {
    take(from_.bytes(), [&bytes](ByteView read) { bytes.assign(read.begin(), read.end()); });
  }
  template <typename T>
  void operator()(std::vector<T>& values) {
    const std::uint64_t count = read_count();
    values.clear();
    for (std::uint64_t i = 0; i < count && fault_.has_value(); ++i) {
      T value{};
      (*this)(value);
      values.push_back(std::move(value));
    }
  }
  void operator()(OptionMap& options) {
    const std::uint64_t count = read_count();
    for (std::uint64_t i = 0; i < count && fault_.has_value(); ++i) {
      std::string name;
      (*this)(name);
      read_option(options[name]);
    }
  }
  void operator()(PluginChoice& choice) {
    (*this)(choice.name);
    (*this)(choice.options);
  }
  void operator()(TensorInfo& tensor) {
    (*this)(tensor.name);
    (*this)(tensor.shape);
  }
  void operator()(Layout& layout) { (*this)(layout.tensors); }

  // Whether all was there, and nothing else.
  Status end() const {
    TRIB_CHECK_OK(fault_);
    return from_.end();
  }

 private:
  template <typename Value, typename Use>
  void take(Result<Value> read, Use use) {
    if (!fault_.has_value()) return;
    if (read) {
      use(*std::move(read));
    } else {
      fault_ = std::move(read).error();
    }
  }
  // Every value takes eight bytes at least, so a lying count costs no memory.
  std::uint64_t read_count() {
    std::uint64_t count = 0;
    (*this)(count);
    if (fault_.has_value() && count > size_ / sizeof(std::uint64_t))
      fault_ = make_error(ErrorCode::kDataLoss, "more values than there are bytes");
    return fault_.has_value() ? count : 0;
  }
  void read_option(OptionValue& value) {
    std::uint64_t index = 0;
    (*this)(index);
    const auto choose = [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((index == I ? static_cast<void>(value.emplace<I>()) : static_cast<void>(0)), ...);
    };
    choose(std::make_index_sequence<std::variant_size_v<OptionValue>>());
    std::visit([this](auto& held) { (*this)(held); }, value);
  }

  std::size_t size_;
  StateReader from_;
  Status fault_;
};

}  // namespace tributary
