// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error; Status = Result<void>. A subset of std::expected's interface, so
// that it can be replaced by it. No thread rule. Reading the value of a failed Result is a
// programmer error and aborts.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "common/base/assert.h"
#include "common/base/error.h"

namespace tributary {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(runtime/explicit)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(runtime/explicit)

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    TRIB_ASSERT(has_value(), error_text());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    TRIB_ASSERT(has_value(), error_text());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    TRIB_ASSERT(has_value(), error_text());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    TRIB_ASSERT(!has_value(), "error() of a Result that holds a value");
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    TRIB_ASSERT(!has_value(), "error() of a Result that holds a value");
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  const char* error_text() const {
    return has_value() ? "" : std::get_if<1>(&state_)->message.c_str();
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(runtime/explicit)

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& {
    TRIB_ASSERT(error_.has_value(), "error() of a Status that is fine");
    return *error_;
  }
  Error&& error() && {
    TRIB_ASSERT(error_.has_value(), "error() of a Status that is fine");
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace tributary

// Evaluates a Status and returns its error from the enclosing function.
#define TRIB_CHECK_OK(expression)                        \
  do {                                                   \
    if (auto trib_status = (expression); !trib_status) { \
      return std::move(trib_status).error();             \
    }                                                    \
  } while (false)

// Declares `variable` with the value of a Result, or returns its error from the enclosing function.
#define TRIB_TRY(variable, expression) \
  TRIB_TRY_IMPL(variable, expression, TRIB_CONCAT(trib_result_, __LINE__))
#define TRIB_TRY_IMPL(variable, expression, result) \
  auto result = (expression);                       \
  if (!result) {                                    \
    return std::move(result).error();               \
  }                                                 \
  auto variable = std::move(result).value()
#define TRIB_CONCAT(a, b) TRIB_CONCAT_IMPL(a, b)
#define TRIB_CONCAT_IMPL(a, b) a##b
