// SPDX-License-Identifier: Apache-2.0
// SiteSums: a site's part in the secure sums of its jobs: makes its keys when a result is offered,
// answers the coordinator through SumClient, masks its gift when it is due, and keeps what it must
// remember before anything leaves. One sum of each job at a time, and beside it one that it gave
// its input to before, which a coordinator that crashed may go on with. One thread, which masking
// keeps busy; it is not the link's. It sends nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/sums/given_sums.h"
#include "client/sums/past_sums.h"
#include "client/sums/sum_gifts.h"
#include "common/crypto/secure_random.h"
#include "common/domain/secure_sum.h"
#include "common/privacy/secagg/sum_client.h"
#include "common/storage/blob_store.h"
#include "common/telemetry/events.h"

namespace tributary {

class SiteSums {
 public:
  struct Ports {
    SiteName site;
    SumGifts gifts;
    PastSumStore past;
    GivenSums given;
    BlobStore& blobs;  // for masked inputs
    std::function<void(const char* event, EventFields fields)> log;
    // With the certificates of now; it outlives what it signs.
    std::function<Result<std::unique_ptr<SumNotary>>()> notary;
    // Of how many sites a sum is made at least, by the site's policy as it stands now.
    std::function<Result<std::size_t>()> least_sites;
  };
  explicit SiteSums(Ports ports) : ports_(std::move(ports)) {}

  using Answers = std::vector<SumAnswer>;
  // The site has told that it is ready with this task: its keys, or none if nothing waits here.
  Answers begin(const TaskKey& key);
  Answers handle(const SumRequest& request);
  // On a new link: of the sums under way, the keys, or of an earlier one what was said last in it.
  // The coordinator answers with what the site has missed.
  Answers again();
  // Nothing of the job up to this round is asked for any more.
  void committed(const JobId& job, RoundNumber round);

 private:
  struct Sum;

  Result<Answers> begin_sum(const TaskKey& key);
  // Why a site leaves a sum, or takes no part.
  struct Refusal {
    std::string reason;  // one of abort_name, or "site_failed"
    Error why;
  };
  Answers said_before(const JobId& job) const;
  static bool is_about(const Sum& sum, const SumGift& gift);
  std::optional<Refusal> refusal_of(const Sum& sum) const;
  Answers give_up(const TaskKey& key, const Refusal& why, const Sum* of = nullptr);
  Answers give_up(const TaskKey& key, const Error& why, const Sum* of = nullptr);
  Answers answer(Sum& sum, SumStep step);
  void revealed(Sum& sum);
  Result<BlobRef> masked_input(Sum& sum);
  Result<BlobRef> mask(Sum& sum, std::vector<std::uint32_t> numbers,
                       std::vector<std::uint64_t> wide, EventFields told);
  Result<BlobRef> noisy_input(Sum& sum, const SumGift& gift);
  void tell(const Sum& sum, const char* event, EventFields more) const;
  using SumOfJob = std::map<JobId, std::shared_ptr<Sum>>;
  void drop(SumOfJob& sums, const JobId& job);

  Ports ports_;
  SecureRandom random_;
  SumOfJob sums_;     // the newest
  SumOfJob earlier_;  // until a roster comes for a newer one
};

}  // namespace tributary
