// SPDX-License-Identifier: Apache-2.0
// A ParallelFor over a pool of threads that has other work too: the caller does parts itself and
// asks for help, so it comes to an end also where nobody helps, and never waits for a thread that
// has not begun. Any thread may call it, those of the pool among them.
#pragma once

#include <functional>

#include "coordinator/aggregation/parallel.h"

namespace tributary {

// `post` runs its argument on the pool, some time later or, at the end of the process, never.
// `helpers`: how many threads of it may help at most. What a part throws comes out of the call.
ParallelFor shared_work(std::function<void(std::function<void()>)> post, std::size_t helpers);

}  // namespace tributary
