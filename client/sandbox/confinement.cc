// SPDX-License-Identifier: Apache-2.0
#include "client/sandbox/confinement.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

namespace tributary {
namespace {

// What computing takes: memory, threads, time, and the descriptors that are open.
constexpr int kAllowed[] = {SCMP_SYS(read),
                            SCMP_SYS(readv),
                            SCMP_SYS(write),
                            SCMP_SYS(writev),
                            SCMP_SYS(recvfrom),
                            SCMP_SYS(sendto),
                            SCMP_SYS(poll),
                            SCMP_SYS(ppoll),
                            SCMP_SYS(close),
                            SCMP_SYS(brk),
                            SCMP_SYS(munmap),
                            SCMP_SYS(mremap),
                            SCMP_SYS(mprotect),
                            SCMP_SYS(madvise),
                            SCMP_SYS(futex),
                            SCMP_SYS(sched_yield),
                            SCMP_SYS(membarrier),
                            SCMP_SYS(sched_getaffinity),
                            SCMP_SYS(getcpu),
                            SCMP_SYS(getrandom),
                            SCMP_SYS(set_robust_list),
                            SCMP_SYS(rseq),
                            SCMP_SYS(sigaltstack),
                            SCMP_SYS(rt_sigreturn),
                            SCMP_SYS(rt_sigaction),
                            SCMP_SYS(rt_sigprocmask),
                            SCMP_SYS(clock_gettime),
                            SCMP_SYS(clock_getres),
                            SCMP_SYS(nanosleep),
                            SCMP_SYS(clock_nanosleep),
                            SCMP_SYS(gettimeofday),
                            SCMP_SYS(time),
                            SCMP_SYS(getpid),
                            SCMP_SYS(gettid),
                            SCMP_SYS(exit),
                            SCMP_SYS(exit_group),
                            SCMP_SYS(restart_syscall)};

constexpr int kDeadly[] = {SCMP_SYS(execve),
                           SCMP_SYS(execveat),
                           SCMP_SYS(fork),
                           SCMP_SYS(vfork),
                           SCMP_SYS(socket),
                           SCMP_SYS(socketpair),
                           SCMP_SYS(connect),
                           SCMP_SYS(bind),
                           SCMP_SYS(listen),
                           SCMP_SYS(accept),
                           SCMP_SYS(accept4),
                           SCMP_SYS(ptrace),
                           SCMP_SYS(process_vm_readv),
                           SCMP_SYS(process_vm_writev),
                           SCMP_SYS(pidfd_getfd),
                           SCMP_SYS(kill),
                           SCMP_SYS(unshare),
                           SCMP_SYS(setns),
                           SCMP_SYS(mount),
                           SCMP_SYS(umount2),
                           SCMP_SYS(pivot_root),
                           SCMP_SYS(chroot),
                           SCMP_SYS(bpf),
                           SCMP_SYS(perf_event_open),
                           SCMP_SYS(userfaultfd),
                           SCMP_SYS(io_uring_setup),
                           SCMP_SYS(add_key),
                           SCMP_SYS(request_key),
                           SCMP_SYS(keyctl),
                           SCMP_SYS(open_by_handle_at)};

Error lacking(const std::string& what, const std::string& remedy, int reason) {
  const std::string why = std::error_code(reason, std::generic_category()).message();
  return make_error(ErrorCode::kFailedPrecondition,
                    "code that comes with a job does not run here, for it cannot be confined: " +
                        what + " (" + why + "); " + remedy);
}

Error lacking_seccomp(int reason) {
  return lacking("seccomp filters are not to be had",
                 "they take a kernel with CONFIG_SECCOMP_FILTER, and a container or unit that "
                 "allows the system call seccomp",
                 reason);
}

// Landlock confines the calling thread and those that it starts.
Status require_one_thread() {
  std::unique_ptr<DIR, int (*)(DIR*)> tasks(::opendir("/proc/self/task"), &::closedir);
  if (!tasks) return lacking("/proc is not there", "mount it", errno);
  int threads = 0;
  while (const dirent* entry = ::readdir(tasks.get())) threads += entry->d_name[0] != '.' ? 1 : 0;
  if (threads == 1) return {};
  return make_error(ErrorCode::kInternal,
                    "a process of " + std::to_string(threads) + " threads cannot be confined");
}

// Debian 12's headers know fewer of its fields than kernels have by now.
struct LandlockRules {
  std::uint64_t files;
  std::uint64_t network;  // since version 4
  std::uint64_t scopes;   // since version 6
};

// All that the kernel's version can forbid is forbidden, and no rule allows any of it.
Status forbid_files() {
  constexpr unsigned kAskVersion = 1;
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  const char* remedy =
      "it takes Linux 5.13 or newer with landlock in CONFIG_LSM or in the boot option lsm=, and a "
      "container or unit that allows the system calls landlock_create_ruleset and "
      "landlock_restrict_self";
  if (version < 1) return lacking("Landlock is not to be had", remedy, errno);
  LandlockRules rules{(1u << 13) - 1, 0, 0};
  std::size_t size = sizeof rules.files;
  if (version >= 2) rules.files |= 1u << 13;  // renames between folders
  if (version >= 3) rules.files |= 1u << 14;  // truncation
  if (version >= 5) rules.files |= 1u << 15;  // ioctl of devices
  if (version >= 4) {
    rules.network = 3;
    size += sizeof rules.network;
  }
  if (version >= 6) {
    rules.scopes = 3;
    size += sizeof rules.scopes;
  }
  const long made = ::syscall(SYS_landlock_create_ruleset, &rules, size, 0);
  if (made < 0) return lacking("Landlock does not work", remedy, errno);
  const long in_force = ::syscall(SYS_landlock_restrict_self, made, 0);
  const int reason = errno;
  ::close(static_cast<int>(made));
  if (in_force == 0) return {};
  return lacking("Landlock does not work", remedy, reason);
}

Status limit(__rlimit_resource resource, std::uint64_t most) {
  const rlimit both{most, most};
  if (::setrlimit(resource, &both) == 0) return {};
  return system_error(errno, "limiting a process");
}

// Private memory that can be written, as the kernel counts it for RLIMIT_DATA.
Result<std::uint64_t> private_memory() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t pages = 0;
  for (int field = 0; field < 6; ++field) in >> pages;
  if (!in) return make_error(ErrorCode::kIo, "/proc/self/statm cannot be read");
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Status limit_resources(const ConfinementBounds& bounds) {
  // Where the machine's memory runs out in spite of the bound, this process goes, not its parent.
  std::ofstream("/proc/self/oom_score_adj") << 1000;
  TRIB_TRY(now, private_memory());
  TRIB_CHECK_OK(limit(RLIMIT_DATA, now + bounds.memory_bytes));
  TRIB_CHECK_OK(limit(RLIMIT_CORE, 0));
  TRIB_CHECK_OK(limit(RLIMIT_FSIZE, 0));
  TRIB_CHECK_OK(limit(RLIMIT_MEMLOCK, 0));
  return {};
}

int add_rules(scmp_filter_ctx filter) {
  int failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
  const auto rule = [&](std::uint32_t action, int call) {
    if (failed == 0) failed = seccomp_rule_add(filter, action, call, 0);
  };
  const auto rule_if = [&](std::uint32_t action, int call, scmp_arg_cmp condition) {
    if (failed == 0) failed = seccomp_rule_add_array(filter, action, call, 1, &condition);
  };
  for (const int call : kAllowed) rule(SCMP_ACT_ALLOW, call);
#ifdef __SANITIZE_ADDRESS__
  // The undefined behaviour sanitizer looks with a pipe whether memory can be read.
  rule(SCMP_ACT_ALLOW, SCMP_SYS(pipe));
  rule(SCMP_ACT_ALLOW, SCMP_SYS(pipe2));
#endif
  for (const int call : kDeadly) rule(SCMP_ACT_KILL_PROCESS, call);
  // Threads of this process, not others. glibc tries clone3 first, whose flags no filter can see.
  rule_if(SCMP_ACT_ALLOW, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  rule(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  // Shared memory would not count.
  rule_if(SCMP_ACT_ALLOW, SCMP_SYS(mmap), SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_TYPE, MAP_PRIVATE));
  // Of itself only: abort().
  const auto self = static_cast<scmp_datum_t>(::getpid());
  rule_if(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self, 0));
  return failed;
}

Status filter_calls() {
  const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                      &seccomp_release);
  if (!filter) return lacking_seccomp(ENOMEM);
  int failed = add_rules(filter.get());
  if (failed == 0) failed = seccomp_load(filter.get());
  if (failed != 0) return lacking_seccomp(-failed);
  return {};
}

}  // namespace

Status confine(const ConfinementBounds& bounds) {
  TRIB_CHECK_OK(require_one_thread());
  TRIB_CHECK_OK(limit_resources(bounds));
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return lacking("prctl was refused", "allow the system call prctl", errno);
  TRIB_CHECK_OK(forbid_files());
  return filter_calls();
}

}  // namespace tributary
