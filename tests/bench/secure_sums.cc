// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/secure_sums.h"

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <thread>

#include "common/crypto/pki.h"
#include "common/crypto/secure_random.h"
#include "common/privacy/secagg/input_sum.h"
#include "common/privacy/secagg/share_repair.h"
#include "common/privacy/secagg/sum_client.h"
#include "common/privacy/secagg/sum_input.h"
#include "common/privacy/secagg/sum_server.h"
#include "common/wire/message_codec.h"
#include "tests/bench/stream_and_add.h"
#include "tests/unit/common/privacy/secagg/toy_notary.h"

namespace tributary::bench {
namespace {

using Seconds = std::chrono::duration<double>;

template <typename Work>
double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return Seconds(std::chrono::steady_clock::now() - start).count();
}

// Each part once, on all processors.
void on_all(std::size_t parts, const std::function<void(std::size_t)>& part) {
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) {
    threads.emplace_back([&] {
      for (std::size_t p = next++; p < parts; p = next++) part(p);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::vector<Mask> random_masks(std::size_t count) {
  std::vector<Mask> masks;
  for (std::size_t i = 0; i < count; ++i) masks.push_back({SecretKey::make(), i % 2 == 0});
  return masks;
}

// Of 100 members 10 went away: 90 masks of their own, and what 10 had with 90 each.
constexpr std::size_t kNumbers = 1'000'000, kMasks = 90 + 10 * 90, kPart = 1u << 16;

Figure unmasking() {
  const std::vector<Mask> masks = random_masks(kMasks), wide = random_masks(1);
  InputSum sum(kNumbers, 32, kSumFigures);
  std::vector<std::uint32_t> values(kNumbers);
  const double bytes = static_cast<double>(kMasks * kNumbers * sizeof values[0]);
  std::vector<double> ours, limits;
  for (int pass = 0; pass < 3; ++pass) {
    ours.push_back(bytes / 1e9 / seconds_of([&] { sum.unmask(masks, wide, on_all); }));
    limits.push_back(bytes / 1e9 / seconds_of([&] {
                       on_all((kNumbers + kPart - 1) / kPart, [&values](std::size_t part) {
                         StreamAndAdd limit;
                         const std::size_t at = part * kPart;
                         const auto block =
                             std::span(values).subspan(at, std::min(kPart, kNumbers - at));
                         for (std::size_t i = 0; i < kMasks; ++i) limit.run(block);
                       });
                     }));
  }
  return {"unmasking_gb_s",
          "100 sites, 10 gone: 990 masks off 1 M words, all processors",
          median(ours),
          median(limits),
          "GB/s",
          "AES-256-CTR and one addition",
          0.7};
}

// Members and coordinator in one thread; each side's time by itself.
class Rehearsal {
 public:
  Rehearsal(std::size_t members, std::uint64_t numbers, const CohortRisks& risks,
            const std::function<std::unique_ptr<SumNotary>(const SiteName&)>& notary_of) {
    context_.key = {JobId{"bench"}, 1, 1, TaskKind::kTrain};
    context_.numbers = numbers;
    context_.wide = kSumFigures;
    context_.risks = risks;
    std::vector<SiteName> sites;
    for (std::size_t i = 0; i < members; ++i) {
      const SiteName site{"site-" + std::to_string(100'000 + i)};
      sites.push_back(site);
      notaries_[site] = notary_of(site);
      clients_.emplace(site, *SumClient::make(context_, site, {}, *notaries_[site], random_));
    }
    SumServer::Options options;
    options.input_bytes = input_bytes(numbers, 32, kSumFigures);
    server_ = std::make_unique<SumServer>(context_, sites, options, *notaries_.begin()->second,
                                          TimePoint{0});
    for (const auto& [site, client] : clients_) say(site, client.keys());
  }

  // Every `gone`th goes away before its input; 0: none.
  void run(std::size_t gone) {
    gone_ = gone;
    while (!server_->over()) {
      if (said_.empty()) {
        now_ = *server_->next_wake();
        server_seconds += seconds_of([&] { take_all(server_->pass_time(now_)); });
        continue;
      }
      const auto [site, body] = std::move(said_.front());
      said_.pop_front();
      SumEffects effects;
      server_seconds += seconds_of([&] { effects = server_->handle(now_, site, body); });
      take_all(effects);
    }
    TRIB_ASSERT(unmask, "the bench's own sum is made");
  }

  double client_seconds = 0, server_seconds = 0;
  std::uint64_t up_bytes = 0, down_bytes = 0;  // of all members, without the masked numbers
  std::optional<SumUnmask> unmask;

 private:
  void say(const SiteName& site, const SumAnswerBody& body) {
    if (counting) up_bytes += encode_message(SumAnswer{context_.key, body})->size();
    said_.emplace_back(site, body);
  }
  void take_all(const SumEffects& effects) {
    for (const SumEffect& effect : effects) {
      if (const auto* send = std::get_if<SumSend>(&effect)) deliver(*send);
      if (const auto* fetch = std::get_if<SumFetch>(&effect))
        take_all(server_->input_arrived(now_, fetch->site, fetch->masked.digest));
      if (std::holds_alternative<SumKeep>(effect)) take_all(server_->kept(now_));
      if (const auto* shares = std::get_if<SumRecover>(&effect)) {
        RecoveredMasks masks;
        server_seconds += seconds_of([&] { masks = recover_masks(shares->recovery); });
        take_all(server_->recovered(now_, masks));
      }
      if (const auto* done = std::get_if<SumUnmask>(&effect)) unmask = *done;
      if (const auto* failed = std::get_if<SumFailed>(&effect))
        TRIB_ASSERT(false, failed->detail.c_str());
    }
  }
  void deliver(const SumSend& send) {
    if (counting) down_bytes += encode_message(SumRequest{context_.key, send.body})->size();
    SumClient& client = clients_.at(send.site);
    SumStep step;
    client_seconds += seconds_of([&] { step = client.handle(send.body); });
    if (step.input_due) {
      if (gone_ > 0 && ++asked_ % gone_ == 0) return;
      numbers_.assign(context_.numbers, 0);
      client_seconds +=
          seconds_of([&] { apply_masks(client.masks(SumPart::kNumbers), 32, 0, numbers_); });
      const BlobRef input{sha256(as_bytes(send.site.value)),
                          input_bytes(context_.numbers, 32, kSumFigures)};
      step = client.give_input(input);
    }
    for (const SumAnswerBody& body : step.answers) say(send.site, body);
  }

 public:
  bool counting = false;

 private:
  SumContext context_;
  SecureRandom random_;
  std::map<SiteName, std::unique_ptr<SumNotary>> notaries_;
  std::map<SiteName, SumClient> clients_;
  std::unique_ptr<SumServer> server_;
  std::deque<std::pair<SiteName, SumAnswerBody>> said_;
  std::vector<std::uint32_t> numbers_;
  std::size_t gone_ = 0, asked_ = 0;
  TimePoint now_{0};
};

std::unique_ptr<SumNotary> toy(const SiteName& site) {
  return std::make_unique<ToyNotary>(site.value);
}

constexpr std::size_t kThousand = 1'000;
constexpr std::uint64_t kHundredThousand = 100'000;
// Bonawitz et al. 2017, table 3: 1000 users, vectors of 100 000, 10 % gone; Java, one thread.
constexpr double kPublishedServer = 181.0, kPublishedClient = 1.699;

double unmask_seconds(const SumUnmask& unmask) {
  InputSum sum(kHundredThousand, 32, kSumFigures);
  return seconds_of([&] {
    sum.unmask(unmask.numbers, unmask.wide, [](std::size_t parts, const auto& part) {
      for (std::size_t i = 0; i < parts; ++i) part(i);
    });
  });
}

std::vector<Figure> thousand_on_a_ring() {
  Rehearsal rehearsal(kThousand, kHundredThousand, {.adversarial = 0.05, .dropout = 0.15}, toy);
  rehearsal.run(10);
  const double server = rehearsal.server_seconds + unmask_seconds(*rehearsal.unmask);
  return {{"ring_server_s", "1000 sites x 100 k, 10 % gone, ring: coordinator, one thread", server,
           kPublishedServer, "s", "complete graph in Java (Bonawitz 2017)", 1.0, true},
          {"ring_client_s", "the same: a site, one thread", rehearsal.client_seconds / kThousand,
           kPublishedClient, "s", "complete graph in Java (Bonawitz 2017)", 1.0, true}};
}

// The coordinator's arithmetic alone: the protocol takes a ring for so many.
Figure thousand_complete() {
  constexpr std::size_t kThreshold = 667, kGone = 100;
  SecureRandom random;
  const SecretKey secret = SecretKey::make();
  const auto shares = *share_secret(secret, kThreshold, kThousand - 1, random);
  const auto fits = [&secret](const SecretKey& found) { return found == secret; };
  SumUnmask unmask;
  unmask.numbers = random_masks(kThousand - kGone + kGone * (kThousand - kGone));
  unmask.wide = random_masks(1);
  double seconds = seconds_of([&] {
    for (std::size_t i = 0; i < kThousand; ++i)
      TRIB_ASSERT(recover_secret(shares, kThreshold, fits), "shares that are right");
  });
  seconds += unmask_seconds(unmask);
  return {"complete_server_s",
          "the same with a complete graph: 1000 secrets, 90 900 masks",
          seconds,
          kPublishedServer,
          "s",
          "the same in Java (Bonawitz 2017)",
          1.0,
          true};
}

// With real certificates and messages as the wire has them.
Figure expansion() {
  constexpr std::size_t kSites = 100;
  const PemPair root = *make_ca("bench", KeyKind::kP256, 10);
  const PemPair sites = *make_issuing_ca(root, kSitesCa, KeyKind::kP256, 10);
  const Trust trust{root.certificate};
  std::vector<std::unique_ptr<Signer>> signers;
  Rehearsal rehearsal(kSites, 1, {}, [&](const SiteName& site) -> std::unique_ptr<SumNotary> {
    const PemPair pair = *issue_certificate(sites, {site.value, "site", {}, KeyKind::kP256, 5});
    signers.push_back(std::make_unique<Signer>(*Signer::make(pair.certificate, pair.key)));
    return std::make_unique<CertificateNotary>(signers.back().get(), trust,
                                               [] { return std::time(nullptr); });
  });
  rehearsal.counting = true;
  rehearsal.run(0);
  const double plain = static_cast<double>(kNumbers) * sizeof(float);
  const double up = static_cast<double>(rehearsal.up_bytes) / kSites;
  const double masked = static_cast<double>(input_bytes(kNumbers, 32, kSumFigures));
  return {"secure_bytes_mb",
          "what a site of 100 sends for 1 M values, and is sent beside the model",
          (masked + up + static_cast<double>(rehearsal.down_bytes) / kSites) / 1e6,
          plain / 1e6,
          "MB",
          "the update in the clear",
          1.1,
          true};
}

}  // namespace

std::vector<Figure> secure_sum_figures() {
  std::vector<Figure> figures = {unmasking(), expansion()};
  for (Figure& figure : thousand_on_a_ring()) figures.push_back(std::move(figure));
  figures.push_back(thousand_complete());
  return figures;
}

}  // namespace tributary::bench
