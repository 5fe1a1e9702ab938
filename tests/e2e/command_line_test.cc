// SPDX-License-Identifier: Apache-2.0
// What the programs say, and with which status they end, when their command line or a file that it
// names is wrong.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <filesystem>

#include "common/base/clock.h"
#include "common/crypto/pki.h"
#include "common/crypto/signing.h"
#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class CommandLine : public testing::Test {
 protected:
  // The exit status; what was said is in said_.
  int run(const std::string& program, std::vector<std::string> arguments) {
    const std::string log = federation_.path("said.txt");
    ::unlink(log.c_str());
    arguments.insert(arguments.begin(), FederationFiles::program(program));
    const int status = run_process(arguments, log);
    said_ = FederationFiles::read(log);
    return status;
  }
  std::string path(const std::string& name) const { return federation_.path(name); }
  void write_operator_file() const {
    FederationFiles::write(path("tributaryctl.yaml"),
                           "coordinator: 127.0.0.1:1\nserver_name: coordinator\ntls: {certificate: "
                           "pki/operator.pem, key: pki/operator.key, ca: pki/ca.pem}\n");
  }

  FederationFiles federation_{1};
  std::string said_;
};

TEST_F(CommandLine, WrongFilesOfOperatorsAreWrongUsage) {
  write_operator_file();
  const std::string config = path("tributaryctl.yaml");
  const std::string job = federation_.write_job("{}", "{count: 1, minimum_sites: 1}");
  EXPECT_EQ(run("tributaryctl", {"job", "check", job}), 0) << said_;
  EXPECT_EQ(run("tributaryctl", {"job", "check", "nofile.yaml"}), 2);
  EXPECT_THAT(said_, HasSubstr("nofile.yaml: No such file"));
  // Files are looked at first: nobody listens there.
  EXPECT_EQ(run("tributaryctl", {"job", "submit", path("none.yaml"), "--config", config}), 2);
  EXPECT_EQ(run("tributaryctl", {"--config", config, "job", "submit", path("")}), 2);
  FederationFiles::write(path("script.yaml"),
                         "name: j\nmodel: {family: torchscript, file: none.pt}\ndata: {dataset: d, "
                         "features: [x], label: y}\ntrain: {}\nrounds: {count: 1}\n");
  EXPECT_EQ(run("tributaryctl", {"job", "check", path("script.yaml")}), 2);
  EXPECT_THAT(said_, HasSubstr("none.pt: No such file"));
  EXPECT_EQ(run("tributaryctl", {"job", "submit", job, "--config", config}), 3) << said_;
  EXPECT_EQ(run("tributaryctl", {"status", "--config", path("none.yaml")}), 2);
  EXPECT_THAT(said_, HasSubstr("server_name"));
}

// Killed at any moment; at the end there is one federation, whose parts fit together.
TEST_F(CommandLine, AFederationWhoseMakingWasKilledIsFinishedByTheNextRun) {
  const std::string folder = path("federation");
  FederationFiles::write(path("federation.yaml"),
                         "federation: Hearts\ncoordinator: {hosts: [hub.example.org]}\nsites: "
                         "[north]\noperators: {olga: lead}\n");
  const std::vector<std::string> init = {"federation", "init", path("federation.yaml"),
                                         "--dir",      folder, "--with-keys"};
  std::vector<std::string> command = init;
  command.insert(command.begin(), FederationFiles::program("tributaryctl"));
  int killed = 0;
  for (int ms = 0; ms < 60; ms += 2) {
    if (ms % 20 == 0) std::filesystem::remove_all(folder);
    Process process(command, path("killed.txt"));
    ::poll(nullptr, 0, ms);
    killed += process.running() ? 1 : 0;
    process.end(SIGKILL);
  }
  EXPECT_GT(killed, 0);
  int status = run("tributaryctl", init);
  for (int i = 0; i < 4 && status == 2; ++i) {  // a key without its certificate: as it says
    const std::size_t end = said_.find(".key exists without its certificate");
    ASSERT_NE(end, std::string::npos) << said_;
    std::filesystem::remove(said_.substr(said_.find(folder), end + 4 - said_.find(folder)));
    status = run("tributaryctl", init);
  }
  ASSERT_EQ(status, 0) << said_;
  EXPECT_FALSE(std::filesystem::exists(folder + "/authority.new"));
  const std::string root = FederationFiles::read(folder + "/ca.pem");
  for (const char* name : {"coordinator", "north", "olga"}) {
    const std::string stem = folder + "/" + name + "/" + name;
    EXPECT_NEAR(static_cast<double>(*days_left(FederationFiles::read(stem + ".pem"))), 90, 1);
    EXPECT_TRUE(verify_certificates({root, FederationFiles::read(folder + "/crl.pem")},
                                    FederationFiles::read(stem + ".pem"),
                                    SystemClock().wall_ms() / 1000));
    EXPECT_TRUE(
        Signer::make(FederationFiles::read(stem + ".pem"), FederationFiles::read(stem + ".key")));
  }
}

TEST_F(CommandLine, DamagedStateIsNotTriedAgainForEver) {
  federation_.start_coordinator();
  EXPECT_EQ(federation_.stop_coordinator(), 0);
  FederationFiles::write(path("coordinator/state.sqlite"), "no database");
  EXPECT_EQ(run("tributary-coordinator", {"--config", path("coordinator.yaml")}), 2) << said_;
  EXPECT_THAT(said_, HasSubstr("state.sqlite"));
}

TEST_F(CommandLine, CertificatesAreMadeOnceAndNotLongerThanTheRoot) {
  const auto issue = [&](const std::string& pki, const std::string& name, const std::string& days) {
    return run("tributaryctl", {"pki", "issue", "--dir", path(pki), "--role", "site", "--name",
                                name, "--days", days});
  };
  EXPECT_EQ(issue("none", "north", "5"), 2);
  EXPECT_THAT(said_, HasSubstr("pki init"));
  EXPECT_EQ(issue("pki", "north", "-5"), 2);
  EXPECT_EQ(run("tributaryctl", {"pki", "init", "--dir", path("pki")}), 2);
  EXPECT_THAT(said_, HasSubstr("exists"));
  EXPECT_EQ(run("tributaryctl", {"pki", "init", "--dir", path("short"), "--days", "30"}), 0);
  EXPECT_EQ(issue("short", "north", "30"), 0);
  EXPECT_THAT(said_, Not(HasSubstr("warning")));
  EXPECT_EQ(issue("short", "south", "300"), 0);
  EXPECT_THAT(said_, HasSubstr("sites-ca.pem ends in "));
}

TEST_F(CommandLine, WrongWordsAreNamedWithTheProgramAndTheNearestKnownOne) {
  EXPECT_EQ(run("tributaryctl", {"jobs", "list"}), 2);
  EXPECT_EQ(said_, "tributaryctl: no command 'jobs' (did you mean 'job'?)\n");
  EXPECT_EQ(run("tributaryctl", {"job", "ls"}), 2);
  EXPECT_THAT(said_, StartsWith("tributaryctl job: no command 'ls'; known here: submit"));
  EXPECT_EQ(run("tributaryctl", {"pki", "isue", "--dir", "x"}), 2);
  EXPECT_THAT(said_, HasSubstr("did you mean 'issue'"));
  EXPECT_EQ(run("tributary-client", {"north.yaml"}), 2);
  EXPECT_THAT(said_, HasSubstr("did you mean --config north.yaml?"));
  EXPECT_EQ(run("tributaryctl", {"model", "export", "--job", "x"}), 2);
  EXPECT_THAT(said_, HasSubstr("tributary-client model export"));
  for (const char* program : {"tributaryctl", "tributary-client", "tributary-coordinator"}) {
    EXPECT_EQ(run(program, {"--help"}), 0);
    EXPECT_THAT(said_, HasSubstr("Exit status: 0 done; 1"));
    EXPECT_EQ(run(program, {"--version"}), 0);
  }
}

TEST_F(CommandLine, WrongFilesOfASiteAreWrongUsage) {
  const std::string job = federation_.write_job("{}", "{count: 1, minimum_sites: 1}");
  FederationFiles::write(path("text"), "no model");
  EXPECT_EQ(run("tributary-simulate", {"run", "--job", job, "--client", "nope.yaml"}), 2);
  EXPECT_THAT(said_, HasSubstr("nope.yaml: No such file"));
  const auto export_to = [&](const std::string& job_file, const std::string& model) {
    return run("tributary-client", {"model", "export", "--job", job_file, "--model", model, "--out",
                                    path("nodir/x.pt")});
  };
  EXPECT_EQ(export_to(path("none"), path("text")), 2);
  EXPECT_EQ(export_to(job, path("none")), 2);
  EXPECT_EQ(export_to(job, path("text")), 2);
  EXPECT_THAT(said_, HasSubstr(path("text")));

  federation_.start_coordinator();
  federation_.write_client("hospital-1", "north", "pki");
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"--config", path("north.yaml"), "check-config"},
                                             {"check-config", "--config", path("north.yaml")}}) {
    EXPECT_EQ(run("tributary-client", words), 0) << said_;
  }
  const std::vector<std::string> look = {"--config", path("north.yaml"), "data", "check", "--job",
                                         job};
  EXPECT_EQ(run("tributary-client", look), 0) << said_;
  EXPECT_THAT(said_, AllOf(HasSubstr("to train on"), HasSubstr("0 missing"), HasSubstr("class")));
  std::filesystem::remove(path("data/hospital-1.csv"));
  EXPECT_EQ(run("tributary-client", look), 2);
  EXPECT_THAT(said_, HasSubstr("data/hospital-1.csv"));
  EXPECT_EQ(run("tributary-client", {"check-config", "--config", path("north.yaml")}), 2);
  EXPECT_THAT(said_, AllOf(HasSubstr("dataset patients"), HasSubstr("data/hospital-1.csv")));
  federation_.issue("other", "site", "hospital-1", 30);
  federation_.write_client("hospital-1", "north", "other");
  EXPECT_EQ(run("tributary-client", {"check-config", "--config", path("north.yaml")}), 2);
  EXPECT_THAT(said_, HasSubstr("is not signed by CA"));
}

TEST_F(CommandLine, APortInUseIsWorkThatFailed) {
  federation_.start_coordinator();
  std::string text = FederationFiles::read(path("coordinator.yaml"));
  const std::string from = "state_dir: coordinator";
  FederationFiles::write(path("second.yaml"),
                         text.replace(text.find(from), from.size(), "state_dir: second"));
  EXPECT_EQ(run("tributary-coordinator", {"--config", path("second.yaml")}), 1);
  EXPECT_THAT(said_, HasSubstr("Address already in use"));
  std::string output;
  EXPECT_EQ(federation_.ctl({"status"}, &output), 0);
  EXPECT_THAT(output, HasSubstr("no site has come yet"));
}

TEST_F(CommandLine, AModelIsWrittenWhereTheUserSaysOrThePlaceIsNamed) {
  federation_.start_coordinator();
  federation_.start_client(1);
  const std::string job_file = federation_.write_job("{}", "{count: 1, minimum_sites: 1}");
  const std::string job = federation_.submit(job_file);
  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
  std::string output;
  EXPECT_EQ(federation_.ctl({"model", "get", job, "--out", path("nodir/x")}, &output), 2);
  EXPECT_THAT(output, HasSubstr("write " + path("nodir/x") + ": there is no folder"));
  const std::string model = path("model.safetensors");
  EXPECT_EQ(federation_.ctl({"model", "get", job, "--out", model}, &output), 0);
  EXPECT_THAT(output, HasSubstr("wrote " + model));
  const auto export_to = [&](const std::string& out) {
    return run("tributary-client",
               {"model", "export", "--job", job_file, "--model", model, "--out", out});
  };
  EXPECT_EQ(export_to(path("nodir/x.pt")), 2);
  EXPECT_THAT(said_, HasSubstr("write " + path("nodir/x.pt") + ": there is no folder"));
  EXPECT_EQ(export_to(path("model.pt")), 0) << said_;
  EXPECT_THAT(said_, HasSubstr("wrote " + path("model.pt")));
  EXPECT_TRUE(std::filesystem::exists(path("model.pt")));
  EXPECT_FALSE(std::filesystem::exists(path("model.pt.unfinished")));
  // Figures that a task does not have are none.
  EXPECT_EQ(federation_.ctl({"job", "show", job}, &output), 0);
  EXPECT_THAT(output, testing::ContainsRegex("prepare +1 +\\(all\\) +prepared +- "));
  EXPECT_EQ(federation_.ctl({"job", "show", job, "--json"}, &output), 0);
  EXPECT_TRUE(Json::parse(output)["rounds"][0]["participants"][0]["loss"].is_null()) << output;
}

// Someone with the file alone can score a new row.
TEST_F(CommandLine, AModelSaysWhatItsInputsAndOutputsAre) {
  federation_.start_coordinator();
  federation_.start_client(1);
  const std::string job =
      federation_.submit(federation_.write_job("{}", "{count: 1, minimum_sites: 1}"));
  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
  ASSERT_EQ(federation_.ctl({"model", "get", job, "--out", path("model.safetensors")}), 0);
  const std::string bytes = FederationFiles::read(path("model.safetensors"));
  std::uint64_t length = 0;
  ASSERT_GT(bytes.size(), sizeof length);
  std::memcpy(&length, bytes.data(), sizeof length);
  const Json header = Json::parse(bytes.substr(sizeof length, length));
  const Json metadata = header.at("__metadata__");
  const Json inputs = Json::parse(metadata.at("tributary.inputs").get<std::string>());
  EXPECT_EQ(inputs.size(), header.at("hidden1.weight").at("shape").at(1).get<std::size_t>());
  std::size_t numbers = 0, words = 0;
  for (const Json& input : inputs) {
    if (input.contains("word")) ++words;
    if (input.contains("mean") && input.at("deviation") > 0.0) ++numbers;
  }
  EXPECT_EQ(numbers + words, inputs.size());
  EXPECT_GT(numbers, 0u);
  EXPECT_GT(words, 0u);
  EXPECT_THAT(metadata.at("tributary.outputs").get<std::string>(), HasSubstr("logit"));
  EXPECT_EQ(metadata.at("tributary.job"), job);
}

// The format's description in Python's standard library alone; prints the weights.
constexpr const char* kReader = R"(import json, struct, sys
data = open(sys.argv[1], 'rb').read()
length = struct.unpack('<Q', data[:8])[0]
assert length % 8 == 0 and data[8:9] == b'{'
header = json.loads(data[8:8 + length])
metadata = header.pop('__metadata__', {})
assert all(isinstance(value, str) for value in metadata.values())
at = 0
for name, tensor in header.items():
    begin, end = tensor['data_offsets']
    count = 1
    for size in tensor['shape']: count *= size
    assert tensor['dtype'] == 'F32' and begin == at and end == begin + 4 * count, name
    at = end
assert 8 + length + at == len(data)
sys.stdout.write(data[8 + length:].hex())
)";

// The setting of Abadi et al. 2016.
TEST_F(CommandLine, WhatPrivacyCostsIsToldBeforeAnybodyTrains) {
  const std::vector<std::string> plan = {"privacy",  "plan", "--size",   "10000",
                                         "--batch",  "100",  "--rounds", "10",
                                         "--epochs", "10",   "--delta",  "1e-5"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), plan.begin(), plan.end());
    return run("tributaryctl", more);
  };
  ASSERT_EQ(with({"--noise", "4"}), 0) << said_;
  EXPECT_THAT(said_, AllOf(HasSubstr("probability 0.01; 10000 steps; delta 1e-05"),
                           HasSubstr("epsilon 1.035 by the RDP accountant"),
                           HasSubstr("0.9469 by the tighter PLD accountant")));
  ASSERT_EQ(with({"--epsilon", "1.036"}), 0) << said_;
  EXPECT_THAT(said_, AllOf(HasSubstr("noise multiplier 4 by the RDP accountant"),
                           HasSubstr("0.518    10      7."), HasSubstr("2.072    10      2.")));
  ASSERT_EQ(with({"--noise", "4", "--sampling", "fixed", "--json"}), 0) << said_;
  EXPECT_THAT(said_, AllOf(HasSubstr("each record replaced by another"),
                           HasSubstr("\"epsilon_pld\": null")));
  EXPECT_EQ(with({}), 2);
  EXPECT_THAT(said_, HasSubstr("say --epsilon"));
  EXPECT_EQ(with({"--epsilon", "1", "--noise", "1"}), 2);
  EXPECT_EQ(with({"--noise", "4", "--sampling", "tree"}), 2);
  EXPECT_EQ(with({"--noise", "4", "--rounds-per-pass", "4"}), 2);
  EXPECT_THAT(said_, HasSubstr("--rounds-per-pass is for --unit client --sampling tree"));
  // Two trees of eight leaves, four nodes deep, and one of four: eleven nodes with a client's part.
  const auto clients = [&](const std::string& rounds, std::vector<std::string> more) {
    more.insert(more.begin(), {"privacy", "plan", "--unit", "client", "--size", "1000", "--batch",
                               "50", "--delta", "1e-5", "--noise", "4", "--rounds", rounds});
    EXPECT_EQ(run("tributaryctl", more), 0) << said_;
    return said_.substr(said_.find("\n\nepsilon "));
  };
  const std::string passes = clients("20", {"--sampling", "tree", "--rounds-per-pass", "8"});
  EXPECT_THAT(said_, HasSubstr("each once in each pass of 8; 20 steps"));
  EXPECT_EQ(passes, clients("11", {"--sampling", "none"}));
  EXPECT_EQ(run("tributaryctl", {"privacy", "plan", "--size", "10", "--batch", "11", "--rounds",
                                 "1", "--noise", "1"}),
            2);
  EXPECT_THAT(said_, HasSubstr("--batch is more than --size"));
}

TEST_F(CommandLine, PythonReadsTheFinalModel) {
  constexpr const char* kPython = "/usr/bin/python3";
  if (!std::filesystem::exists(kPython)) GTEST_SKIP() << "there is no " << kPython;
  federation_.start_coordinator();
  federation_.start_client(1);
  const std::string job =
      federation_.submit(federation_.write_job("{}", "{count: 1, minimum_sites: 1}"));
  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
  ASSERT_EQ(federation_.ctl({"model", "get", job, "--round", "last", "--out", path("m")}), 0);
  const auto weights = [&](const std::string& file) {
    EXPECT_EQ(run_process({kPython, "-c", kReader, file}, path("python.txt")), 0);
    const std::string said = FederationFiles::read(path("python.txt"));
    ::unlink(path("python.txt").c_str());
    return said;
  };
  const std::string downloaded = weights(path("m"));
  EXPECT_FALSE(downloaded.empty());
  EXPECT_EQ(downloaded, weights(path("coordinator/models/" + job + "/round-0001.safetensors")));
}

}  // namespace
}  // namespace tributary
