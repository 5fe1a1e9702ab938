// SPDX-License-Identifier: Apache-2.0
// Error: what an expected failure says. Owned by value, no thread rule. It does not carry stack
// traces, and is never used for programmer errors (see assert.h). The code decides what a caller
// does; the message is for people and names what was wrong, where, and what to do.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace tributary {

enum class ErrorCode {
  kInvalidArgument,     // the input is wrong and will stay wrong; tell whoever wrote it
  kNotFound,            // the named thing is not there
  kAlreadyExists,       // the named thing is there already
  kFailedPrecondition,  // right request at the wrong time
  kUnauthenticated,     // the peer could not prove who it is
  kPermissionDenied,    // the peer is known and may not do this
  kResourceExhausted,   // a limit of limits.h, memory or disk
  kUnavailable,         // try again later: peer gone, link down
  kDeadlineExceeded,    // the wait ended by its own limit
  kCancelled,           // we stopped it ourselves
  kProtocol,            // the peer broke the grammar of proto/README.md
  kDataLoss,            // stored or received bytes do not match their digest or format
  kIo,                  // the operating system refused; the message holds its reason
  kInternal,            // a fault of ours, or of a library, that was caught
};

// Exit status of our programs: 1 the work failed, 2 wrong usage or file, 3 no connection or not let
// in. 0 is success.
int exit_code(ErrorCode code);

// Stable lower-case name, as logs and the wire print it ("invalid_argument").
std::string_view error_code_name(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  // "context: message", for the next reader up the stack.
  Error with_context(std::string_view context) && {
    message = std::string(context) + ": " + message;
    return std::move(*this);
  }
};

inline Error make_error(ErrorCode code, std::string message) {
  return Error{code, std::move(message)};
}

// The operating system's reason for `errno_value`, with what was tried and on what:
// "write /var/lib/x: No space left on device". ENOSPC and EDQUOT become kResourceExhausted, ENOENT
// kNotFound.
Error system_error(int errno_value, std::string_view tried);

}  // namespace tributary
