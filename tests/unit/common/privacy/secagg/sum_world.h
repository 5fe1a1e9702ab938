// SPDX-License-Identifier: Apache-2.0
// A secure sum in one thread: clients, a server, and what a test does to the messages between them.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/random_source.h"
#include "common/crypto/digest.h"
#include "common/privacy/secagg/sum_client.h"
#include "common/privacy/secagg/sum_server.h"
#include "tests/unit/common/privacy/secagg/toy_notary.h"

namespace tributary {

struct SumMemberInWorld {
  std::unique_ptr<ToyNotary> notary;
  std::unique_ptr<SeededRandom> random;  // of shares, in a test
  std::unique_ptr<SumClient> client;
  std::vector<std::uint32_t> numbers;
  std::vector<std::uint64_t> wide;
  std::set<std::string> deaf_from;  // phases of the server from which on it says nothing
  std::vector<SumAnswerBody> said;
};

class SumWorld {
 public:
  // Before it reaches a site; may be changed. False: it does not arrive.
  using Lie = std::function<bool(const SiteName& to, SumRequestBody& body)>;
  using Falsehood = std::function<void(const SiteName& by, SumAnswerBody& body)>;

  explicit SumWorld(std::size_t count, CohortRisks risks = {}, unsigned bits = 32) {
    context.key = {JobId{"heart-1"}, 3, 1, TaskKind::kTrain};
    context.document = sha256(as_bytes("job"));
    context.model = sha256(as_bytes("model"));
    context.numbers = 20;
    context.wide = 3;
    context.bits = bits;
    context.risks = risks;
    for (std::size_t i = 0; i < count; ++i) add(name_of(i), i);
  }

  static SiteName name_of(std::size_t i) {
    std::string digits = std::to_string(i);
    return SiteName{"site-" + std::string(5 - digits.size(), '0') + digits};
  }

  // Clients are made, and all of it runs until nothing is left to do.
  void run() {
    make_clients();
    make_server();
    go_on();
  }
  void make_clients() {
    for (auto& [site, member] : members) {
      if (!member.client) {
        member.client = std::make_unique<SumClient>(
            *SumClient::make(context, site, rules[site], *member.notary, *member.random));
      }
    }
  }
  void make_server() {
    std::vector<SiteName> sites;
    for (const auto& [site, member] : members) sites.push_back(site);
    sum_numbers.assign(context.numbers, 0);
    sum_wide.assign(context.wide, 0);
    server = std::make_unique<SumServer>(context, sites, options(), judge_, now_);
    for (auto& [site, member] : members) answer(site, {{member.client->keys()}, false, {}});
  }
  void go_on() {
    while (!server->over()) {
      deliver();
      if (!server->over()) pass_time();
    }
  }
  void pass_time() {
    now_ = *server->next_wake();
    take(server->pass_time(now_));
  }
  // Until a site says something that is so; it has not reached the server.
  void deliver_until(const std::function<bool(const SumAnswerBody&)>& is_so) {
    while (to_server_.empty() || !is_so(to_server_.front().second)) {
      if (!step()) return;
    }
  }
  void deliver() {
    while (step()) {
    }
  }
  // One message more; false: none is on its way.
  bool step() {
    if (!to_server_.empty()) {
      auto [site, body] = std::move(to_server_.front());
      to_server_.pop_front();
      take(server->handle(now_, site, body));
      return true;
    }
    if (to_sites_.empty()) return false;
    auto [site, body] = std::move(to_sites_.front());
    to_sites_.pop_front();
    if (dead.contains(site) || (lie && !lie(site, body))) return true;
    tell(site, body);
    return true;
  }
  // The server's process ends, and what is on its way to it or from it with its links; another one
  // goes on with what was kept. Whoever lives says again what it said last, and may have begun
  // another sum beside this one.
  void crash_and_resume() {
    to_server_.clear();
    to_sites_.clear();
    server = *SumServer::resume(context, disk->snapshot, options(), judge_, now_);
    sum_numbers = disk->numbers;
    sum_wide = disk->wide;
    for (auto& [site, member] : members) {
      if (dead.contains(site) || !member.client->has_given()) continue;
      to_server_.emplace_back(site, member.client->last());
      if (begin_anew) {
        const SumClient other = *SumClient::make(context, site, {}, *member.notary, *member.random);
        to_server_.emplace_back(site, other.keys());
      }
    }
  }
  void send(const SiteName& site, SumAnswerBody body) {
    to_server_.emplace_back(site, std::move(body));
  }
  void tell(const SiteName& site, const SumRequestBody& body) {
    SumMemberInWorld& member = members.at(site);
    const SumStep step = member.client->handle(body);
    if (step.remember) remembered[site].push_back(*step.remember);
    answer(site, step);
    if (step.input_due) give_input(site);
  }

  std::optional<SumAborted> aborted(const SiteName& site) const {
    return members.at(site).client->aborted();
  }
  std::string abort_of(const SiteName& site) const {
    const auto why = aborted(site);
    return why ? std::string(abort_name(why->reason)) : "";
  }
  // Whether it ever gave out a share of anybody's secret in clear.
  bool revealed(const SiteName& site) const {
    return std::ranges::any_of(members.at(site).said, [](const SumAnswerBody& body) {
      return std::holds_alternative<SumReveal>(body);
    });
  }
  bool anybody_revealed() const {
    return std::ranges::any_of(members, [this](const auto& one) { return revealed(one.first); });
  }
  // Of those whose inputs are in it, without any mask.
  std::vector<std::uint32_t> plain_numbers() const {
    std::vector<std::uint32_t> sum(context.numbers, 0);
    const std::uint32_t modulus = ~std::uint32_t{0} >> (32 - context.bits);
    for (const SiteName& site : unmask->survivors) {
      for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] = (sum[i] + members.at(site).numbers[i]) & modulus;
    }
    return sum;
  }
  std::vector<std::uint64_t> plain_wide() const {
    std::vector<std::uint64_t> sum(context.wide, 0);
    for (const SiteName& site : unmask->survivors) {
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += members.at(site).wide[i];
    }
    return sum;
  }

  static constexpr std::uint64_t kInputBytes = 100;

  SumContext context;
  std::map<SiteName, SumMemberInWorld> members;
  std::map<SiteName, SumClient::Rules> rules;
  SumServer::Options server_options;
  std::unique_ptr<SumServer> server;
  struct Kept {
    SumSnapshot snapshot;
    std::vector<std::uint32_t> numbers;
    std::vector<std::uint64_t> wide;
  };
  std::optional<Kept> disk;  // as it was kept last
  std::set<SiteName> dead;   // whose processes have ended
  bool begin_anew = false;   // sites begin another sum after a crash
  bool dies_unkept = false;  // the server ends before it learns that it has kept something
  Lie lie;
  Falsehood falsehood;
  std::vector<std::uint32_t> sum_numbers;
  std::vector<std::uint64_t> sum_wide;
  std::optional<SumUnmask> unmask;
  std::optional<SumFailed> failed;
  std::map<SiteName, std::string> left;  // and why
  std::map<SiteName, std::vector<PastSum>> remembered;

 private:
  SumServer::Options options() const {
    SumServer::Options options = server_options;
    options.input_bytes = kInputBytes;
    return options;
  }
  void add(const SiteName& site, std::uint64_t seed) {
    SumMemberInWorld member;
    member.notary = std::make_unique<ToyNotary>(site.value);
    member.random = std::make_unique<SeededRandom>(seed);
    SeededRandom values(seed + 1'000'000);
    const std::uint32_t modulus = ~std::uint32_t{0} >> (32 - context.bits);
    for (std::size_t i = 0; i < context.numbers; ++i)
      member.numbers.push_back(static_cast<std::uint32_t>(values.next_u64()) & modulus);
    for (std::size_t i = 0; i < context.wide; ++i) member.wide.push_back(values.next_u64());
    members.emplace(site, std::move(member));
  }
  void answer(const SiteName& site, const SumStep& step) {
    SumMemberInWorld& member = members.at(site);
    for (SumAnswerBody body : step.answers) {
      if (falsehood) falsehood(site, body);
      member.said.push_back(body);
      to_server_.emplace_back(site, std::move(body));
    }
  }
  void give_input(const SiteName& site) {
    SumMemberInWorld& member = members.at(site);
    std::vector<std::uint32_t> numbers = member.numbers;
    std::vector<std::uint64_t> wide = member.wide;
    apply_masks(member.client->masks(SumPart::kNumbers), context.bits, 0, numbers);
    apply_masks(member.client->masks(SumPart::kWide), 0, wide);
    masked_[site] = {std::move(numbers), std::move(wide)};
    answer(site, member.client->give_input({sha256(as_bytes(site.value)), kInputBytes}));
  }
  bool deaf(const SiteName& site) const {
    return members.at(site).deaf_from.contains(std::string(server->phase()));
  }
  void take(const SumEffects& effects) {
    for (const SumEffect& effect : effects) {
      if (const auto* send = std::get_if<SumSend>(&effect)) {
        if (!deaf(send->site)) to_sites_.emplace_back(send->site, send->body);
      } else if (const auto* fetch = std::get_if<SumFetch>(&effect)) {
        if (!lost_inputs.contains(fetch->site))
          take(server->input_arrived(now_, fetch->site, fetch->masked.digest));
      } else if (const auto* add = std::get_if<SumAdd>(&effect)) {
        add_input(add->site);
      } else if (const auto* gone = std::get_if<SumLeft>(&effect)) {
        left[gone->site] = gone->reason;
      } else if (const auto* keep = std::get_if<SumKeep>(&effect)) {
        disk = {keep->snapshot, sum_numbers, sum_wide};
        if (!dies_unkept) take(server->kept(now_));
      } else if (const auto* shares = std::get_if<SumRecover>(&effect)) {
        take(server->recovered(now_, recover_masks(shares->recovery)));
      } else if (const auto* done = std::get_if<SumUnmask>(&effect)) {
        unmask = *done;
        apply_masks(done->numbers, context.bits, 0, sum_numbers);
        apply_masks(done->wide, 0, sum_wide);
      } else if (const auto* why = std::get_if<SumFailed>(&effect)) {
        failed = *why;
      }
    }
  }
  void add_input(const SiteName& site) {
    const auto& [numbers, wide] = masked_.at(site);
    for (std::size_t i = 0; i < numbers.size(); ++i) sum_numbers[i] += numbers[i];
    for (std::size_t i = 0; i < wide.size(); ++i) sum_wide[i] += wide[i];
  }

 public:
  std::set<SiteName> lost_inputs;  // announced, and never here

 private:
  ToyNotary judge_{"coordinator"};
  TimePoint now_{1'000};
  std::deque<std::pair<SiteName, SumAnswerBody>> to_server_;
  std::deque<std::pair<SiteName, SumRequestBody>> to_sites_;
  std::map<SiteName, std::pair<std::vector<std::uint32_t>, std::vector<std::uint64_t>>> masked_;
};

}  // namespace tributary
