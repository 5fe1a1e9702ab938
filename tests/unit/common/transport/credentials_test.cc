// SPDX-License-Identifier: Apache-2.0
// What ends is told well before, and not more often than it helps.
#include "common/transport/credentials.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "common/crypto/pki.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

constexpr std::int64_t kHour = 3600, kDay = 24 * kHour;

class CredentialsTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    ::chmod((directory_ / name).c_str(), 0600);
  }
  Credentials load(int certificate_days, std::int64_t list_seconds) {
    const PemPair own =
        *issue_certificate(ca_, {"north", "site", {}, KeyKind::kP256, certificate_days});
    write("north.pem", own.certificate);
    write("north.key", own.key);
    write("ca.pem", ca_.certificate);
    write("crl.pem", *make_crl(ca_, "", {}, list_seconds));
    return *Credentials::load(PeerRole::kSite,
                              {directory_ / "north.pem", directory_ / "north.key",
                               directory_ / "ca.pem", directory_ / "crl.pem"},
                              *log_, clock_);
  }
  std::size_t told(const std::string& event) const {
    std::ifstream in(directory_ / "log.jsonl");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find('"' + event + '"', at)) != std::string::npos; ++at)
      ++count;
    return count;
  }
  // As a daemon's clock goes on.
  void pass(Credentials& credentials, std::int64_t seconds) {
    clock_.advance(Milliseconds(seconds * 1000));
    credentials.pass_time();
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
  PemPair ca_ = *make_ca("test", KeyKind::kP256, 100);
  std::unique_ptr<EventLog> log_ =
      *EventLog::open({.file = directory_ / "log.jsonl", .text_fd = -1}, clock_);
};

TEST_F(CredentialsTest, WhatGoesOnForLongIsNotTold) {
  Credentials credentials = load(60, 7 * kDay);
  for (int hour = 0; hour < 48; ++hour) pass(credentials, kHour);
  EXPECT_EQ(told("certificate.expiring") + told("crl.expiring") + told("crl.expired"), 0u);
}

TEST_F(CredentialsTest, ACertificateThatEndsSoonIsToldOnceADay) {
  Credentials credentials = load(10, 7 * kDay);
  credentials.pass_time();
  EXPECT_EQ(told("certificate.expiring"), 1u);
  for (int hour = 0; hour < 23; ++hour) pass(credentials, kHour);
  EXPECT_EQ(told("certificate.expiring"), 1u);
  pass(credentials, kHour);
  EXPECT_EQ(told("certificate.expiring"), 2u);
}

TEST_F(CredentialsTest, AListThatEndsSoonIsToldEachHourAndItsEndToo) {
  Credentials credentials = load(60, 2 * kDay);
  credentials.pass_time();
  pass(credentials, kHour / 2);
  EXPECT_EQ(told("crl.expiring"), 1u);
  pass(credentials, kHour / 2);
  EXPECT_EQ(told("crl.expiring"), 2u);
  EXPECT_EQ(told("crl.expired"), 0u);

  Credentials ending = load(60, 2);
  ending.pass_time();
  EXPECT_EQ(told("crl.expiring"), 3u);
  ::poll(nullptr, 0, 3'100);
  pass(ending, 4);
  EXPECT_EQ(told("crl.expired"), 1u);
}

}  // namespace
}  // namespace tributary
