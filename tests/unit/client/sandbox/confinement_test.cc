// SPDX-License-Identifier: Apache-2.0
// Each way out, tried by a process that is confined: this program itself, started as a child, does
// in the child what its argument names, and reports.
#include "client/sandbox/confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include "client/sandbox/child_process.h"
#include "tests/support/temporary_directory.h"

extern char** environ;

namespace tributary {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

constexpr std::uint64_t kMemory = 64u << 20;
constexpr int kWorked = 0;

int outcome(long result) { return result >= 0 ? kWorked : errno; }

int threads_work() {
  double sum = 0.0;
  std::thread other([&sum] { sum = std::sqrt(2.0); });
  other.join();
  return sum > 1.0 ? kWorked : EINVAL;
}

int allocate(std::size_t bytes) {
  void* made = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return made == MAP_FAILED ? errno : kWorked;
}

int endless() {
  volatile bool on = true;
  while (on) {
  }
  return kWorked;
}

// What a child tries; each gives an errno, or kWorked.
const std::map<std::string, std::function<int(const std::string& path)>>& attempts() {
  static const std::map<std::string, std::function<int(const std::string&)>> all{
      {"read", [](const auto& path) { return outcome(::open(path.c_str(), O_RDONLY)); }},
      {"create",
       [](const auto& path) { return outcome(::open((path + ".new").c_str(), O_CREAT, 0600)); }},
      {"open-call",
       [](const auto& path) { return outcome(::syscall(SYS_openat, AT_FDCWD, path.c_str(), 0)); }},
      {"openat2",
       [](const auto& path) {
         const std::uint64_t how[3] = {};
         return outcome(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), how, sizeof how));
       }},
      {"unlink", [](const auto& path) { return outcome(::unlink(path.c_str())); }},
      {"truncate", [](const auto& path) { return outcome(::truncate(path.c_str(), 0)); }},
      {"list", [](const auto&) { return outcome(::open("/", O_RDONLY | O_DIRECTORY)); }},
      {"stat",
       [](const auto& path) {
         struct stat found {};
         return outcome(::stat(path.c_str(), &found));
       }},
      {"chdir", [](const auto&) { return outcome(::chdir("/tmp")); }},
      {"fork", [](const auto&) { return outcome(::fork()); }},
      {"execute",
       [](const auto&) {
         char program[] = "/bin/true";
         char* arguments[] = {program, nullptr};
         return outcome(::execve(program, arguments, environ));
       }},
      {"socket", [](const auto&) { return outcome(::socket(AF_INET, SOCK_STREAM, 0)); }},
      {"unix-socket", [](const auto&) { return outcome(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
      {"debug",
       [](const auto&) { return outcome(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr)); }},
      {"signal", [](const auto&) { return outcome(::kill(::getppid(), SIGTERM)); }},
      {"io-uring", [](const auto&) { return outcome(::syscall(SYS_io_uring_setup, 1, nullptr)); }},
      {"loosen",
       [](const auto&) {
         const rlimit more{RLIM_INFINITY, RLIM_INFINITY};
         return outcome(::setrlimit(RLIMIT_DATA, &more));
       }},
      {"hidden-memory", [](const auto&) { return outcome(::memfd_create("x", 0)); }},
      {"shared-memory",
       [](const auto&) {
         void* made = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
         return made == MAP_FAILED ? errno : kWorked;
       }},
      {"allocate-much", [](const auto&) { return allocate(2 * kMemory); }},
      {"allocate-some", [](const auto&) { return allocate(kMemory / 2); }},
      {"threads", [](const auto&) { return threads_work(); }},
      {"abort",
       [](const auto&) {
         std::abort();
         return kWorked;
       }},
      {"endless", [](const auto&) { return endless(); }}};
  return all;
}

class ConfinementTest : public testing::Test {
 protected:
  ConfinementTest() { std::ofstream(path_) << "secret"; }

  // The errno of the attempt, if the child came back to say it; else how it ended.
  std::pair<int, Error> attempt(const std::string& name) {
    Result<ChildProcess> child = ChildProcess::start(kOwnProgram, "--attempt=" + name);
    EXPECT_TRUE(child) << child.error().message;
    EXPECT_TRUE(child->channel().send(1, as_bytes(path_)));
    const auto told = child->channel().receive(64);
    const int code = told ? std::stoi(std::string(as_text(told->bytes))) : -1;
    return {code, child->end(Milliseconds(5000))};
  }

  // What confine() says where the kernel does not know this system call.
  static std::string fault_without(const std::string& call) {
    Result<ChildProcess> child = ChildProcess::start(kOwnProgram, "--without=" + call);
    EXPECT_TRUE(child) << child.error().message;
    const auto told = child->channel().receive(4096);
    return told ? std::string(as_text(told->bytes)) : child->end(Milliseconds(5000)).message;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "secret.txt";
};

TEST_F(ConfinementTest, FilesCannotBeReachedInAnyWay) {
  for (const char* name :
       {"read", "create", "open-call", "openat2", "unlink", "truncate", "list", "stat", "chdir"}) {
    const auto [code, end] = attempt(name);
    EXPECT_THAT(code, AnyOf(EPERM, EACCES)) << name << ": " << end.message;
  }
  EXPECT_EQ(::access((path_ + ".new").c_str(), F_OK), -1);
  EXPECT_EQ(::access(path_.c_str(), F_OK), 0);
}

TEST_F(ConfinementTest, WhoeverTriesToGetOutIsKilled) {
  for (const char* name : {"execute", "socket", "unix-socket", "debug", "signal", "io-uring"}) {
    const auto [code, end] = attempt(name);
    EXPECT_EQ(code, -1) << name;
    EXPECT_EQ(end.code, ErrorCode::kPermissionDenied) << name << ": " << end.message;
  }
  EXPECT_EQ(attempt("fork").first, EPERM);
}

TEST_F(ConfinementTest, MemoryHasItsBoundAndBoundsStay) {
  EXPECT_EQ(attempt("allocate-some").first, kWorked);
  EXPECT_EQ(attempt("allocate-much").first, ENOMEM);
  EXPECT_EQ(attempt("shared-memory").first, EPERM);
  EXPECT_EQ(attempt("hidden-memory").first, EPERM);
  EXPECT_EQ(attempt("loosen").first, EPERM);
}

TEST_F(ConfinementTest, ComputingWorks) { EXPECT_EQ(attempt("threads").first, kWorked); }

TEST_F(ConfinementTest, HowAChildEndsIsTold) {
  EXPECT_THAT(attempt("abort").second.message, HasSubstr("signal 6"));
  EXPECT_THAT(attempt("no-such-thing").second.message, HasSubstr("status 3"));
  EXPECT_EQ(ChildProcess::start("/no/such/program", "x").error().code, ErrorCode::kNotFound);
}

// A kernel or a container that lacks half of it: nothing is confined by the other half.
TEST_F(ConfinementTest, WhatIsMissingIsNamedWithTheRemedy) {
  EXPECT_THAT(fault_without("landlock_create_ruleset"),
              AllOf(HasSubstr("Landlock is not to be had"), HasSubstr("Linux 5.13")));
  EXPECT_THAT(fault_without("landlock_restrict_self"), HasSubstr("Landlock does not work"));
  EXPECT_THAT(fault_without("seccomp"),
              AllOf(HasSubstr("seccomp filters are not to be had"), HasSubstr("CONFIG_SECCOMP")));
}

TEST_F(ConfinementTest, AnEndlessChildIsEnded) {
  Result<ChildProcess> child = ChildProcess::start(kOwnProgram, "--attempt=endless");
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->channel().send(1, as_bytes(path_)));
  ASSERT_TRUE(child->channel().receive(64)) << "it is confined";
  const pid_t pid = child->pid();
  int score = 0;
  std::ifstream("/proc/" + std::to_string(pid) + "/oom_score_adj") >> score;
  EXPECT_EQ(score, 1000) << "it would be the first that the kernel ends for memory";
  EXPECT_EQ(child->end().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(::kill(pid, 0), -1) << "ended, and waited for";
}

int attempt_as_child(const std::string& name) {
  Channel channel = begin_as_child();
  const auto path = channel.receive();
  if (!path) return 1;
  if (!confine({kMemory})) return 2;
  const auto found = attempts().find(name);
  if (found == attempts().end()) ::_exit(3);
  if (name == "endless") static_cast<void>(channel.send(1, as_bytes("0")).has_value());
  const int code = found->second(std::string(as_text(path->bytes)));
  static_cast<void>(channel.send(1, as_bytes(std::to_string(code))).has_value());
  ::_exit(0);
}

int confine_without(const std::string& call) {
  Channel channel = begin_as_child();
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  const int number = seccomp_syscall_resolve_name(call.c_str());
  if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0) != 0) return 4;
  if (seccomp_load(filter) != 0) return 5;
  const Status confined = confine({kMemory});
  const std::string told = confined ? "confined" : confined.error().message;
  static_cast<void>(channel.send(1, as_bytes(told)).has_value());
  ::_exit(0);
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  const std::string_view argument = argc == 2 ? argv[1] : "",
                         attempt = "--attempt=", without = "--without=";
  if (argument.starts_with(attempt)) return tributary::attempt_as_child(argv[1] + attempt.size());
  if (argument.starts_with(without)) return tributary::confine_without(argv[1] + without.size());
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
