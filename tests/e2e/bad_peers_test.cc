// SPDX-License-Identifier: Apache-2.0
// Peers that are not what they should be are refused and logged while a job runs, and nobody else
// notices.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

void send_plain(int port, const std::string& bytes) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  ::shutdown(fd, SHUT_WR);
  char ignored[256];
  while (::recv(fd, ignored, sizeof ignored, 0) > 0) {
  }
  ::close(fd);
}

class BadPeers : public testing::Test {
 protected:
  void SetUp() override {
    federation_.start_coordinator();
    for (int site = 1; site <= 2; ++site) federation_.start_client(site);
    ASSERT_TRUE(federation_.wait_for("site.connected", {}, 2));
    job_ = federation_.submit(
        federation_.write_job("{steps: 20000, batch_size: 8}", "{count: 2, minimum_sites: 2}"));
    ASSERT_TRUE(federation_.wait_for("task.accepted", {{"task", "train"}}));
  }
  // The detail of the refusal that came after `before` others.
  std::string refusal(std::size_t before) {
    if (!federation_.wait_for("link.refused", {}, before + 1)) return "no refusal was logged";
    return federation_.events("link.refused").back()["detail"].get<std::string>();
  }
  std::string refusal_of_openssl(const std::vector<std::string>& options) {
    const std::size_t before = federation_.events("link.refused").size();
    std::vector<std::string> command = {"openssl", "s_client", "-connect",
                                        "127.0.0.1:" + std::to_string(federation_.port())};
    command.insert(command.end(), options.begin(), options.end());
    run_process(command, federation_.path("openssl.txt"));
    return refusal(before);
  }
  std::vector<std::string> identity(const std::string& pki, const std::string& name) {
    return {"-cert", federation_.path(pki) + "/" + name + ".pem",
            "-key",  federation_.path(pki) + "/" + name + ".key",
            "-alpn", "tributary/1"};
  }

  FederationFiles federation_{2};
  std::string job_;
};

TEST_F(BadPeers, AreRefusedWithTheirReasonAndTheJobGoesOn) {
  using testing::HasSubstr;
  federation_.issue("other", "site", "hospital-2", 30);
  EXPECT_THAT(refusal_of_openssl(identity("other", "hospital-2")), HasSubstr("not from our CA"));
  federation_.issue("pki", "site", "old", -1);
  EXPECT_THAT(refusal_of_openssl(identity("pki", "old")), HasSubstr("expired"));
  EXPECT_THAT(refusal_of_openssl({"-alpn", "tributary/1"}), HasSubstr("showed no certificate"));
  EXPECT_THAT(refusal_of_openssl({"-tls1_2"}), HasSubstr("TLS 1.3"));
  std::size_t before = federation_.events("link.refused").size();
  send_plain(federation_.port(), "GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(refusal(before), HasSubstr("does not speak TLS"));
  before = federation_.events("link.refused").size();
  send_plain(federation_.port(), std::string(10'000, '\xa5'));
  EXPECT_THAT(refusal(before), HasSubstr("does not speak TLS"));
  before = federation_.events("link.refused").size();
  send_plain(federation_.port(), "");
  refusal(before);

  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
  EXPECT_TRUE(federation_.events("site.disconnected").empty()) << "nobody else noticed";
}

TEST_F(BadPeers, AClientIsToldWhatIsWrongWithItself) {
  using testing::HasSubstr;
  federation_.issue("pki", "site", "old", -1);
  federation_.write_client("old", "old", "pki");
  EXPECT_EQ(run_process({FederationFiles::program("tributary-client"), "--config",
                         federation_.path("old.yaml")},
                        federation_.path("old.txt")),
            2);
  EXPECT_THAT(FederationFiles::read(federation_.path("old.txt")), HasSubstr("has expired"));
}

TEST_F(BadPeers, FilesCanBeCheckedBeforeAnythingStarts) {
  using testing::HasSubstr;
  const std::string log = federation_.path("check.txt");
  const auto check = [&](const std::string& program, const std::string& file) {
    return run_process(
        {FederationFiles::program(program), "check-config", "--config", federation_.path(file)},
        log);
  };
  EXPECT_EQ(check("tributary-coordinator", "coordinator.yaml"), 0);
  EXPECT_EQ(check("tributary-client", "hospital-1.yaml"), 0);
  federation_.issue("pki", "operator", "oscar", 10);
  federation_.write_client("oscar", "oscar", "pki");
  EXPECT_EQ(check("tributary-client", "oscar.yaml"), 2);
  EXPECT_THAT(FederationFiles::read(log), HasSubstr("has the role operator, not site"));
  EXPECT_EQ(check("tributary-coordinator", "none.yaml"), 2);
}

}  // namespace
}  // namespace tributary
