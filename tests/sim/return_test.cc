// SPDX-License-Identifier: Apache-2.0
// Ten thousand sites come back to a coordinator that was away: the clients' own sessions against
// the coordinator's own admission, on a virtual clock.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "client/session/session.h"
#include "common/base/limits.h"
#include "coordinator/service/admission.h"

namespace tributary {
namespace {

namespace ss = session;

constexpr std::size_t kSites = 10'000;
constexpr std::int64_t kRate = 200;
constexpr std::int64_t kSecond = 1'000, kHour = 3'600 * kSecond;
constexpr std::int64_t kAllAtTheRate = static_cast<std::int64_t>(kSites) * kSecond / kRate;

class Return : public testing::Test {
 protected:
  struct Site {
    explicit Site(std::size_t n) : name{"s" + std::to_string(n)}, random(n + 1), session(random) {}
    SiteName name;
    SeededRandom random;
    ss::Session session;
    bool up = false;
    int put_off = 0;
  };
  Return() {
    for (std::size_t n = 0; n < kSites; ++n) sites_.push_back(std::make_unique<Site>(n));
  }

  // All come as machines do that were switched on together.
  void start_all() {
    for (std::size_t n = 0; n < kSites; ++n) feed(n, ss::Start{});
    pass(kHour);
  }
  // The coordinator is gone; nobody is told.
  void kill() {
    alive_ = false;
    const Error gone = make_error(ErrorCode::kUnavailable, "connection reset");
    for (std::size_t n = 0; n < kSites; ++n) lose(n, gone);
  }
  void restart_after(std::int64_t ms) {
    pass(ms);
    alive_ = true;
    admission_ = Admission({.rate = kRate});
    began_ = now_;
    arrivals_.clear();
    for (const auto& site : sites_) site->put_off = 0;
  }
  void pass(std::int64_t ms) {
    const TimePoint end = now_ + Milliseconds(ms);
    while (!due_.empty() && due_.top().first <= end.ms) {
      const auto [at, n] = due_.top();
      due_.pop();
      now_ = {at};
      const auto wake = sites_[n]->session.next_wake();
      if (wake && *wake <= now_) feed(n, ss::TimePassed{});
    }
    now_ = end;
  }

  std::int64_t taken_ms() const { return (last_back_ - began_).count(); }
  std::int64_t dials() const {
    std::int64_t sum = 0;
    for (const auto& [second, count] : arrivals_) sum += count;
    return sum;
  }
  std::int64_t peak_a_second() const {
    std::int64_t peak = 0;
    for (const auto& [second, count] : arrivals_) peak = std::max(peak, count);
    return peak;
  }
  int put_off_most() const {
    int most = 0;
    for (const auto& site : sites_) most = std::max(most, site->put_off);
    return most;
  }

  void feed(std::size_t n, const ss::SessionEvent& event) {
    Site& site = *sites_[n];
    bool dials = false;
    for (const ss::SessionEffect& effect : site.session.handle(now_, event))
      dials = dials || std::holds_alternative<ss::Dial>(effect);
    if (dials) arrive(n);
    if (const auto wake = site.session.next_wake()) due_.push({wake->ms, n});
  }
  void arrive(std::size_t n) {
    Site& site = *sites_[n];
    if (!alive_) return feed(n, ss::Disconnected{make_error(ErrorCode::kUnavailable, "refused")});
    ++arrivals_[now_.ms / kSecond];
    const Admission::Verdict verdict = admission_.admit(now_, site.name, up_);
    if (!verdict.refused_by.empty()) {
      ++site.put_off;
      return feed(n, ss::SentAway{{ErrorCode::kUnavailable, "later", verdict.retry_after_ms}});
    }
    site.up = true;
    ++up_;
    last_back_ = now_;
    feed(n, ss::Connected{admission_.spread_ms(kSites)});
  }
  void lose(std::size_t n, const Error& why) {
    if (!std::exchange(sites_[n]->up, false)) return;
    --up_;
    feed(n, ss::Disconnected{why});
  }

  std::vector<std::unique_ptr<Site>> sites_;
  using Due = std::pair<std::int64_t, std::size_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  Admission admission_{{.rate = kRate}};
  bool alive_ = true;
  std::size_t up_ = 0;
  TimePoint now_{kHour}, began_{kHour}, last_back_;
  std::map<std::int64_t, std::int64_t> arrivals_;  // dials by second
};

TEST_F(Return, WhoComesAtTheSameInstantIsLetInInTurn) {
  start_all();
  EXPECT_EQ(up_, kSites);
  EXPECT_EQ(put_off_most(), 1);
  EXPECT_LE(taken_ms(), kAllAtTheRate);
  EXPECT_LE(dials(), 2 * static_cast<std::int64_t>(kSites));
  arrivals_.erase(arrivals_.begin());
  EXPECT_LE(peak_a_second(), kRate + kRate / 2) << "but for the second in which all came";
}

TEST_F(Return, AfterAKillTheyComeAtTheRateThoughNobodySaidGoodbye) {
  start_all();
  kill();
  restart_after(3 * kSecond);
  pass(kHour);
  EXPECT_EQ(up_, kSites);
  EXPECT_LE(taken_ms(), kAllAtTheRate * 5 / 4 + 2 * kSecond);
  EXPECT_LE(peak_a_second(), 3 * kRate) << "those that dialled while it was away are on top";
  EXPECT_LE(put_off_most(), 1);
  EXPECT_LE(dials(), static_cast<std::int64_t>(kSites) * 12 / 10)
      << "with no quarter in the spread it would be two dials each";
}

TEST_F(Return, AfterAnHourTheyAreBackInTwoMinutes) {
  start_all();
  kill();
  restart_after(kHour);
  pass(kHour);
  EXPECT_EQ(up_, kSites);
  EXPECT_LE(taken_ms(), limits::kRedialMs + kAllAtTheRate);
  EXPECT_LE(peak_a_second(), 3 * kRate);
  EXPECT_LE(put_off_most(), 1);
}

TEST_F(Return, AnOrderlyShutdownGivesEachItsTurn) {
  start_all();
  alive_ = false;
  for (std::size_t n = 0; n < kSites; ++n) {
    const std::int64_t retry = limits::kRedialFirstMs + admission_.give_turn(now_);
    feed(n, ss::MessageReceived{Goodbye{ErrorCode::kUnavailable, "stopping", retry}});
    lose(n, make_error(ErrorCode::kUnavailable, "closed"));
  }
  restart_after(100);
  pass(kHour);
  EXPECT_EQ(up_, kSites);
  EXPECT_LE(taken_ms(), kAllAtTheRate + kSecond);
  EXPECT_EQ(put_off_most(), 0);
  EXPECT_EQ(dials(), static_cast<std::int64_t>(kSites));
}

}  // namespace
}  // namespace tributary
