// SPDX-License-Identifier: Apache-2.0
// ParallelFor: the port through which arithmetic of this room uses more threads than the caller's.
// Whoever hands one in owns the threads. The parts of a piece of work depend neither on how many
// threads there are nor on who does which, so the bits of a result do not either.
#pragma once

#include <cstddef>
#include <functional>

namespace tributary {

// Calls part(0) ... part(parts - 1), in any order and on any threads, and returns when all are
// done.
using ParallelFor =
    std::function<void(std::size_t parts, const std::function<void(std::size_t)>& part)>;

// On the caller's thread.
inline void one_after_another(std::size_t parts, const std::function<void(std::size_t)>& part) {
  for (std::size_t p = 0; p < parts; ++p) part(p);
}

}  // namespace tributary
