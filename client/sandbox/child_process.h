// SPDX-License-Identifier: Apache-2.0
// ChildProcess: a program of ours, started for one errand with a channel to it, and ended with its
// owner whatever it does. One owner, one thread, which must outlive it: the kernel ends the child
// with that thread. It is in a process group of its own, so a terminal's Ctrl-C is for the parent
// alone; it gets none of the parent's descriptors, and of its environment only what changes how
// numbers are computed.
#pragma once

#include <sys/types.h>

#include <string>

#include "client/sandbox/channel.h"
#include "common/base/result.h"

namespace tributary {

// The program that runs, even after an upgrade has replaced its file.
inline constexpr const char* kOwnProgram = "/proc/self/exe";

class ChildProcess {
 public:
  // `argument` is its only one.
  static Result<ChildProcess> start(const std::string& program, const std::string& argument);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  Channel& channel() { return channel_; }
  pid_t pid() const { return pid_; }
  // Gives it so long to end by itself, kills it, waits for it, and says how it ended:
  // kPermissionDenied for a system call that is forbidden to it, kResourceExhausted where the
  // kernel (or we) killed it, kFailedPrecondition otherwise.
  Error end(Milliseconds patience = Milliseconds(0));

 private:
  ChildProcess(pid_t pid, Channel channel) : pid_(pid), channel_(std::move(channel)) {}

  pid_t pid_;
  int status_ = 0;
  Channel channel_;
};

// In such a child, before anything else: the channel to its parent, with which it ends. What asks a
// daemon to end in good order is left to the parent.
Channel begin_as_child();

}  // namespace tributary
