// SPDX-License-Identifier: Apache-2.0
// TorchScript modules that are out to do harm, sent to real sites: each is refused or contained
// with a reason, and the same daemons train the next job.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/crypto/digest.h"
#include "tests/e2e/federation_files.h"
#include "tests/support/script_module.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr int kSites = 2;
constexpr const char* kLinear = "        return torch.linear(x, self.weight)\n";

class HostileModulesE2e : public testing::Test {
 protected:
  // All modules are on the sites' list: whoever let them in was deceived.
  void start() {
    std::string policy = "approval: automatic\nmodel_families: [torchscript]\ntorchscript:\n";
    for (const auto& [name, file] : modules_) {
      policy += "  - " + sha256(file).hex() + "\n";
      FederationFiles::write(federation_.path(name), std::string(as_text(file)));
    }
    FederationFiles::write(federation_.path("policy.yaml"),
                           policy + "limits: {max_memory: 1GiB}\n");
    federation_.start_coordinator();
    for (int site = 1; site <= kSites; ++site) federation_.start_client(site);
    ASSERT_TRUE(federation_.wait_for("site.connected", {}, kSites)) << federation_.logs();
  }
  void add(const std::string& name, const std::string& forward) {
    modules_[name] =
        file_of(linear_module("\n    def forward(self, x):\n" + forward + std::string(kLinear), 4));
  }
  std::string submit(const std::string& module, const std::string& deadline = "60s") {
    const std::string job = federation_.path("job.yaml");
    FederationFiles::write(
        job, "name: module\nmodel: {family: torchscript, file: " + module +
                 "}\ndata:\n  dataset: patients\n  features: [age, pressure, creatinine, stay]\n"
                 "  label: readmitted\n  missing: mean\n"
                 "train: {optimizer: {name: sgd, learning_rate: 0.01}}\n"
                 "rounds: {count: 1, attempts: 1, minimum_sites: 2, deadline: " +
                 deadline + "}\n");
    return federation_.submit(job, {"--any-operator"});  // a submitter may have a program of theirs
  }
  // The job ends without a model, for this reason at each site; what the sites' own logs say.
  std::string refused(const std::string& module, const std::string& reason,
                      const std::string& deadline = "60s") {
    const std::string job = submit(module, deadline);
    EXPECT_TRUE(federation_.wait_for("job.failed", {{"job", job}})) << federation_.logs();
    EXPECT_FALSE(federation_.events("client.outcome", {{"job", job}, {"reason", reason}}).empty())
        << federation_.logs();
    const auto failures = federation_.client_events(1, "task.failed", {{"job", job}});
    return failures.empty() ? "" : failures.back()["detail"].get<std::string>();
  }
  void expect_that_the_next_job_trains() {
    const std::string job = submit("harmless.pt");
    ASSERT_TRUE(federation_.wait_for("job.finished", {{"job", job}})) << federation_.logs();
    for (int site = 1; site <= kSites; ++site) {
      EXPECT_EQ(federation_.client_events(site, "client.started").size(), 1u) << "it never ended";
      EXPECT_EQ(federation_.stop_client(site), 0);
    }
  }

  std::map<std::string, Bytes> modules_;
  FederationFiles federation_{kSites};
};

TEST_F(HostileModulesE2e, FilesOfTheSiteAreNotRead) {
  const std::string secret = federation_.path("pki/hospital-1.key");
  const std::string reads = "torch.from_file(\"" + secret + "\", False, 4, dtype=6)";
  add("reads.pt", "        x = x + " + reads + "\n");
  modules_["loads.pt"] = file_of(linear_module(R"(
    def __getstate__(self):
        return (self.weight, self.training)
    def __setstate__(self, state: Tuple[Tensor, bool]):
        self.training = state[1]
        self.weight = )" + reads + "\n    def forward(self, x):\n" +
                                                   kLinear,
                                               4));
  add("harmless.pt", "");
  start();
  EXPECT_THAT(refused("reads.pt", "model_invalid"), HasSubstr("runs 'aten::from_file'"));
  EXPECT_THAT(refused("loads.pt", "model_invalid"), HasSubstr("Operation not permitted"));
  expect_that_the_next_job_trains();
}

// They behave until they see a batch of rows, so nothing is wrong with the initial model.
TEST_F(HostileModulesE2e, MemoryAndTimeOfTheSiteAreNotUsedUp) {
  add("grows.pt",
      "        if x.size(0) > 2:\n            x = x + torch.zeros([1099511627776]).sum()\n");
  add("loops.pt", "        while bool(x.abs().sum() > 0):\n            x = x + 1.0\n");
  add("harmless.pt", "");
  start();
  EXPECT_THAT(refused("grows.pt", "training_failed"), HasSubstr("allocate memory"));
  refused("loops.pt", "deadline", "8s");
  expect_that_the_next_job_trains();
}

// The process that a process has started, or none.
pid_t child_of(pid_t parent) {
  const std::string tasks = "/proc/" + std::to_string(parent) + "/task";
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
    const std::string children = FederationFiles::read(task.path() / "children");
    if (!children.empty()) return std::stoi(children);
  }
  return 0;
}

// Nothing goes on computing for a daemon that is gone.
TEST_F(HostileModulesE2e, AnEndlessModuleEndsWithItsDaemonHoweverThatEnds) {
  add("loops.pt", "        while bool(x.abs().sum() > 0):\n            x = x + 1.0\n");
  start();
  submit("loops.pt");
  for (int site = 1; site <= kSites; ++site) {
    ASSERT_TRUE(federation_.wait_for("client.selected", {{"task", "train"}})) << federation_.logs();
    pid_t child = 0;
    ASSERT_TRUE(wait_until([&] { return (child = child_of(federation_.client_pid(site))) > 0; },
                           std::chrono::seconds(30)));
    if (site == 1) {
      EXPECT_TRUE(federation_.kill_client(site));
    } else {
      EXPECT_EQ(federation_.stop_client(site), 0);
    }
    const std::string entry = "/proc/" + std::to_string(child) + "/stat";
    EXPECT_TRUE(wait_until(
        [&] {
          const std::string state = FederationFiles::read(entry);
          return state.empty() || state.find(") Z ") != std::string::npos;
        },
        std::chrono::seconds(30)));
  }
}

}  // namespace
}  // namespace tributary
