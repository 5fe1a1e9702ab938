// SPDX-License-Identifier: Apache-2.0
#include "client/sandbox/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

extern char** environ;

namespace tributary {
namespace {

constexpr int kChannel = 3;  // the child's descriptor
// Whatever code of others writes to a terminal or a log is lost; what a sanitizer finds is not.
#ifdef __SANITIZE_ADDRESS__
constexpr int kLastSilent = 1;
#else
constexpr int kLastSilent = 2;
#endif

// Where libraries are, which kernels they choose, and how sanitizers tell; nothing of the site's.
std::vector<char*> environment() {
  static constexpr std::array kKept{"LD_LIBRARY_PATH=", "ATEN_",         "MKL_",
                                    "ONEDNN_",          "DNNL_",         "OMP_",
                                    "ASAN_OPTIONS=",    "UBSAN_OPTIONS="};
  std::vector<char*> kept;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    for (const std::string_view prefix : kKept) {
      if (std::string_view(*one).starts_with(prefix)) kept.push_back(*one);
    }
  }
  // OpenBLAS starts its threads when it is loaded, and a process is confined while it has one.
  // Those that a training asks for come later.
  static char one_thread[] = "OPENBLAS_NUM_THREADS=1";
  static char core[] = "OPENBLAS_CORETYPE=";
  kept.push_back(one_thread);
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    if (std::string_view(*one).starts_with(core)) kept.push_back(*one);
  }
  kept.push_back(nullptr);
  return kept;
}

class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  void use_channel(int descriptor) {
    posix_spawn_file_actions_adddup2(&actions, descriptor, kChannel);
    for (int standard = 0; standard <= kLastSilent; ++standard)
      posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, kChannel + 1);
  }
  void use_own_group() {
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::string& program, const std::string& argument) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error(errno, "making a channel to a process");
  Channel ours(ends[0]);
  const Channel theirs(ends[1]);
  SpawnPlan plan;
  plan.use_channel(ends[1]);
  plan.use_own_group();
  std::string name = program, word = argument;
  char* arguments[] = {name.data(), word.data(), nullptr};
  std::vector<char*> kept = environment();
  pid_t pid = -1;
  const int failed =
      ::posix_spawn(&pid, program.c_str(), &plan.actions, &plan.attributes, arguments, kept.data());
  if (failed != 0) return system_error(failed, "starting " + program);
  return ChildProcess(pid, std::move(ours));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      status_(other.status_),
      channel_(std::move(other.channel_)) {}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) static_cast<void>(end());
}

Error ChildProcess::end(Milliseconds patience) {
  constexpr Milliseconds kStep{5};
  bool ended = pid_ <= 0;
  for (Milliseconds spent{0}; !ended && spent < patience; spent += kStep) {
    ended = ::waitpid(pid_, &status_, WNOHANG) == pid_;
    if (!ended) ::poll(nullptr, 0, static_cast<int>(kStep.count()));
  }
  if (!ended) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
  if (!WIFSIGNALED(status_)) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "its process ended with status " + std::to_string(WEXITSTATUS(status_)));
  }
  const int signal = WTERMSIG(status_);
  if (signal == SIGSYS)
    return make_error(ErrorCode::kPermissionDenied,
                      "its process was killed at a system call that is forbidden to it");
  if (signal == SIGKILL) return make_error(ErrorCode::kResourceExhausted, "its process was killed");
  return make_error(
      ErrorCode::kFailedPrecondition,
      "its process ended by signal " + std::to_string(signal) + ", " + ::strsignal(signal));
}

Channel begin_as_child() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::signal(signal, SIG_IGN);
  return Channel(kChannel);
}

}  // namespace tributary
