// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/config/catalog.h"
#include "common/config/client_file.h"
#include "common/config/coordinator_file.h"
#include "common/config/federation_file.h"
#include "common/config/job_file.h"
#include "common/config/operator_file.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CoordinatorFile, ResolvesPathsFromItsOwnFolder) {
  const auto config = parse_coordinator_config(R"(listen: 127.0.0.1:0
state_dir: state
tls: {certificate: pki/c.pem, key: /abs/k.pem, ca: ../ca.pem}
sites: [north, south]
log: {level: debug, file: events.jsonl}
)",
                                               "/etc/tributary/coordinator.yaml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen, (HostPort{"127.0.0.1", 0}));
  EXPECT_EQ(config->state_dir, "/etc/tributary/state");
  EXPECT_EQ(config->tls.certificate, "/etc/tributary/pki/c.pem");
  EXPECT_EQ(config->tls.key, "/abs/k.pem");
  EXPECT_EQ(config->tls.ca, "/etc/ca.pem");
  EXPECT_EQ(config->tls.crl, "") << "none is looked at";
  EXPECT_THAT(config->sites, ElementsAre("north", "south"));
  EXPECT_EQ(config->log.file, "/etc/tributary/events.jsonl");
}

TEST(CoordinatorFile, AKeyInATokenIsNoPath) {
  const std::string uri =
      "pkcs11:token=hub;object=link;type=private?module-path=/m.so&pin-source=file:/run/pin";
  const auto config = parse_coordinator_config(
      "listen: 127.0.0.1:0\nstate_dir: state\nsites: [north]\n"
      "tls: {certificate: c.pem, key: \"" +
          uri + "\", ca: ca.pem}\n",
      "/etc/tributary/coordinator.yaml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tls.key, uri);
  EXPECT_EQ(config->tls.certificate, "/etc/tributary/c.pem");
}

TEST(CoordinatorFile, NamesEveryFault) {
  const auto config = parse_coordinator_config(
      "listen: nowhere\nstat_dir: x\ntls: {certificate: a, key: b}\n", "c.yaml");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("c.yaml:1"));
  EXPECT_THAT(config.error().message, HasSubstr("state_dir"));
  EXPECT_THAT(config.error().message, HasSubstr("ca"));
}

TEST(ClientFile, ReadsDatasetsByLoader) {
  const auto config = parse_client_config(R"(coordinator: hub.example:8443
state_dir: /var/lib/tributary
tls: {certificate: c.pem, key: k.pem, ca: ca.pem}
datasets:
  heart: {loader: csv, path: heart.csv, delimiter: ";"}
  digits: {loader: idx, images: /d/i.gz, labels: /d/l.gz}
)",
                                          "/etc/client.yaml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server_name, "hub.example");
  EXPECT_EQ(config->datasets.at("heart").name, "csv");
  EXPECT_EQ(config->datasets.at("heart").options.at("path"),
            OptionValue(std::string("/etc/heart.csv")));
  EXPECT_EQ(config->datasets.at("heart").options.at("validation_path"), OptionValue(std::string()));
  EXPECT_EQ(config->datasets.at("digits").options.at("images"),
            OptionValue(std::string("/d/i.gz")));
}

TEST(ClientFile, NamesEveryFault) {
  const auto config = parse_client_config(R"(coordinator: hub
state_dir: s
tls: {certificate: c.pem, key: k.pem, ca: ca.pem}
datasets: {heart: {loader: cvs, path: x}, lungs: csv}
device: gpu
)",
                                          "client.yaml");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("did you mean 'csv'"));
  EXPECT_THAT(config.error().message, HasSubstr("csv needs the option 'path'"));
  EXPECT_THAT(config.error().message, HasSubstr("client.yaml:1"));
  EXPECT_THAT(config.error().message, HasSubstr("device"));
  EXPECT_EQ(std::ranges::count(config.error().message, '\n'), 3) << config.error().message;
}

TEST(ClientFile, ThePolicyLiesBesideItWhereItSaysNothingElse) {
  const std::string head =
      "coordinator: hub:1\nstate_dir: s\ntls: {certificate: c.pem, key: k.pem, ca: ca.pem}\n"
      "datasets: {d: {loader: csv, path: x}}\n";
  EXPECT_EQ(parse_client_config(head, "/etc/t/client.yaml")->policy_file, "/etc/t/policy.yaml");
  EXPECT_EQ(parse_client_config(head + "policy: strict.yaml\n", "/etc/t/client.yaml")->policy_file,
            "/etc/t/strict.yaml");
  EXPECT_FALSE(parse_client_config(head + "policy: {model_families: [mlp]}\n", "client.yaml"));
}

TEST(ClientFile, WithoutDatasetsHasOneFault) {
  const auto config = parse_client_config(
      "coordinator: hub:1\nstate_dir: s\ntls: {certificate: c.pem, key: k.pem, ca: ca.pem}\n",
      "client.yaml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message, "client.yaml:1:1: datasets: this key is required and missing");
}

TEST(ClientFile, EveryPathOfALoaderStartsAtTheFilesFolder) {
  for (const PluginSchema& loader : data_loaders()) {
    std::string text = "datasets: {d: {loader: " + loader.name;
    for (const OptionSchema& option : loader.options) {
      if (option.type == OptionType::kPath) text += ", " + option.name + ": there";
      if (option.type == OptionType::kText && !option.fallback) text += ", " + option.name + ": x";
    }
    const auto datasets = parse_datasets(text + "}}\n", "/etc/client.yaml");
    ASSERT_TRUE(datasets) << datasets.error().message;
    for (const OptionSchema& option : loader.options) {
      if (option.type != OptionType::kPath) continue;
      EXPECT_EQ(datasets->at("d").options.at(option.name), OptionValue(std::string("/etc/there")));
    }
  }
}

TEST(Files, OneGivenForAnotherIsToldInOneLine) {
  const std::string tls = "tls: {certificate: c.pem, key: k.pem, ca: ca.pem}\n";
  const std::string client =
      "coordinator: hub:1\nstate_dir: s\n" + tls + "datasets: {d: {loader: csv, path: a}}\n";
  const std::string coordinator = "listen: 0.0.0.0:1\nstate_dir: s\nsites: [a]\n" + tls;
  const std::string job = "name: j\nmodel: logistic\nrounds: {count: 1}\n";
  for (const std::string& said :
       {parse_job(client, "f").error().message, parse_job(coordinator, "f").error().message,
        parse_client_config(job, "f").error().message, parse_datasets(job, "f").error().message,
        parse_client_config(coordinator, "f").error().message,
        parse_coordinator_config(client, "f").error().message,
        parse_operator_config(client, "f").error().message}) {
    EXPECT_THAT(said, HasSubstr("f:1:1: this looks like a "));
    EXPECT_THAT(said, testing::Not(HasSubstr("\n")));
  }
  EXPECT_THAT(parse_job(client, "f").error().message, HasSubstr("client.yaml; a job file is"));
}

TEST(FederationFile, NamesThePartiesAndEveryFault) {
  const std::vector<std::string> roles = {"lead", "auditor"};
  const auto config = parse_federation_config(R"(federation: Rhine
coordinator: {hosts: [fl.example.org, 10.0.0.1], port: 443}
sites: [north, south]
operators: {alice: lead, bob: auditor}
)",
                                              "f.yaml", roles);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->coordinator, "coordinator");
  EXPECT_THAT(config->hosts, ElementsAre("fl.example.org", "10.0.0.1"));
  EXPECT_EQ(config->port, 443);
  EXPECT_THAT(config->sites, ElementsAre("north", "south"));
  EXPECT_EQ(config->operators.at("bob"), "auditor");
  const auto fault = [&](const std::string& rest) {
    return parse_federation_config("federation: x\ncoordinator: {hosts: [h]}\n" + rest, "f.yaml",
                                   roles)
        .error()
        .message;
  };
  EXPECT_THAT(fault("sites: [a]\noperators: {a: lead}\n"), HasSubstr("'a' is there twice"));
  EXPECT_THAT(fault("sites: [a b]\noperators: {}\n"), HasSubstr("'a b' is no name"));
  EXPECT_THAT(fault("sites: [a]\noperators: {bob: king}\n"), HasSubstr("king"));
}

}  // namespace
}  // namespace tributary
