// SPDX-License-Identifier: Apache-2.0
// TRIB_ASSERT: a programmer error stops the process, in release builds too; the journal makes that
// safe. Never for input, files or peers: those fail with a Result. Any thread.
#pragma once

namespace tributary {

[[noreturn]] void assertion_failed(const char* condition, const char* message, const char* file,
                                   int line);

}  // namespace tributary

#define TRIB_ASSERT(condition, message)                                       \
  do {                                                                        \
    if (!(condition)) [[unlikely]] {                                          \
      ::tributary::assertion_failed(#condition, message, __FILE__, __LINE__); \
    }                                                                         \
  } while (false)
