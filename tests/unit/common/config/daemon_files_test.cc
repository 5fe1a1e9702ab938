// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/client_file.h"
#include "common/config/coordinator_file.h"

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
  EXPECT_THAT(config->sites, ElementsAre("north", "south"));
  EXPECT_EQ(config->log.file, "/etc/tributary/events.jsonl");
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
)",
                                          "client.yaml");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("did you mean 'csv'"));
  EXPECT_THAT(config.error().message, HasSubstr("csv needs the option 'path'"));
  EXPECT_THAT(config.error().message, HasSubstr("client.yaml:1"));
}

}  // namespace
}  // namespace tributary
