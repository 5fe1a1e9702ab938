// SPDX-License-Identifier: Apache-2.0
// A client that is killed or stopped in the middle of a training goes on with it after its next
// start, and the model is the one that it would have been.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

// Seconds on any machine, so that there is a middle.
constexpr const char* kTrain =
    "{steps: 30000, batch_size: 8, optimizer: {name: adamw, learning_rate: 0.001}}";
constexpr std::chrono::seconds kPatience{60};

// A client that writes checkpoints often and tells of each.
class Client {
 public:
  Client(FederationFiles& federation, int index)
      : federation_(federation), name_("hospital-" + std::to_string(index)) {}

  void start() {
    federation_.write_client(name_, name_, "pki");
    const std::string file = federation_.path(name_ + ".yaml");
    std::string text = FederationFiles::read(file) + "checkpoint_every: 200ms\n";
    const std::string log = "log: {";
    text.insert(text.find(log) + log.size(), "level: debug, ");
    FederationFiles::write(file, text);
    process_ = std::make_unique<Process>(
        std::vector<std::string>{FederationFiles::program("tributary-client"), "--config", file},
        federation_.path(name_ + ".txt"));
  }
  int end(int signal) { return process_->end(signal); }

  std::vector<Json> events(const std::string& name) const {
    std::vector<Json> found;
    std::istringstream lines(FederationFiles::read(federation_.path(name_ + ".jsonl")));
    for (std::string line; std::getline(lines, line);) {
      const Json json = Json::parse(line, nullptr, false);
      if (json.is_object() && json.value("event", "") == name) found.push_back(json);
    }
    return found;
  }
  bool wait_for(const std::string& event) const {
    return wait_until([&] { return !events(event).empty(); }, kPatience);
  }
  std::string text() const { return FederationFiles::read(federation_.path(name_ + ".txt")); }
  bool has_checkpoint() const {
    return !std::filesystem::is_empty(federation_.path("state-" + name_ + "/checkpoints"));
  }

 private:
  FederationFiles& federation_;
  std::string name_;
  std::unique_ptr<Process> process_;
};

void expect_gone_on(const Client& client) {
  ASSERT_TRUE(client.wait_for("training.resumed")) << client.text();
  const auto resumed = client.events("training.resumed");
  ASSERT_EQ(resumed.size(), 1u) << client.text();
  EXPECT_GT(resumed[0]["done"], 0);
  EXPECT_LT(resumed[0]["done"], resumed[0]["total"]);
  EXPECT_EQ(client.events("checkpoint.failed").size(), 0u) << client.text();
}

std::string run_job(bool cut_off) {
  FederationFiles federation(2);
  federation.start_coordinator();
  Client killed(federation, 1), stopped(federation, 2);
  killed.start();
  stopped.start();
  const std::string job =
      federation.submit(federation.write_job(kTrain, "{count: 1, deadline: 120s}"));
  if (cut_off) {
    EXPECT_TRUE(killed.wait_for("training.checkpointed")) << killed.text();
    killed.end(SIGKILL);
    EXPECT_TRUE(stopped.wait_for("training.checkpointed")) << stopped.text();
    EXPECT_EQ(stopped.end(SIGTERM), 0) << stopped.text();
    EXPECT_TRUE(stopped.has_checkpoint());
    killed.start();
    stopped.start();
    expect_gone_on(killed);
    expect_gone_on(stopped);
  }
  EXPECT_TRUE(federation.wait_for("job.finished")) << federation.logs() << killed.text();
  EXPECT_TRUE(federation.events("round.retried").empty()) << federation.logs();
  for (const Client* client : {&killed, &stopped})
    EXPECT_TRUE(wait_until([&] { return !client->has_checkpoint(); }, kPatience));
  return federation.final_model(job);
}

TEST(Resume, AClientThatIsKilledOrStoppedGoesOnToTheSameModel) {
  const std::string calm = run_job(false);
  ASSERT_FALSE(calm.empty());
  EXPECT_EQ(run_job(true), calm);
}

}  // namespace
}  // namespace tributary
