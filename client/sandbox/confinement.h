// SPDX-License-Identifier: Apache-2.0
// Confinement of a process to what it has: memory within a bound, the descriptors that are open,
// time. No file, socket, program, other process. Linux 5.13 with Landlock and seccomp; without them
// it fails, and whoever called must not go on. Once in the life of a process, while it has one
// thread: those that come later are confined too.
#pragma once

#include <cstdint>

#include "common/base/result.h"

namespace tributary {

struct ConfinementBounds {
  std::uint64_t memory_bytes = 0;  // private memory, beyond what the process has now
};

// Cannot be undone. Errors: kFailedPrecondition, with what this machine lacks and what to do.
//  - Files: neither opened, made, listed nor looked for (EPERM, EACCES); nothing written to one.
//  - More memory than the bound: allocations fail (RLIMIT_DATA); no core dump; no memory shared.
//  - Sockets, programs, processes, debugging, namespaces, BPF, io_uring: the process is killed
//    (SIGSYS), for nothing that is meant to run in it ever asks.
//  - Everything else that is not on a list of what computing takes: EPERM.
Status confine(const ConfinementBounds& bounds);

}  // namespace tributary
