// SPDX-License-Identifier: Apache-2.0
#include "client/sums/site_sums.h"

#include <cmath>
#include <utility>

#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/domain/evaluation.h"
#include "common/privacy/secagg/sum_input.h"
#include "common/privacy/secagg/sum_plan.h"

namespace tributary {
namespace {

std::int64_t in_loss_units(double value) {
  return static_cast<std::int64_t>(std::llround(value / kLossUnit));
}

constexpr const char* kSiteFailed = "site_failed";

}  // namespace

struct SiteSums::Sum {
  TaskKey key;
  JobSpec spec;
  SumContext context;
  std::unique_ptr<SumNotary> notary;
  std::unique_ptr<SumClient> client;
  bool asked = false;  // the coordinator has begun it with these keys
  bool joined = false;
  bool revealed = false;
  Digest input;  // the masked one, in the blob store
};

void SiteSums::tell(const Sum& sum, const char* event, EventFields more) const {
  EventFields fields = {{"job", sum.key.job.value},
                        {"round", std::int64_t{sum.key.round}},
                        {"attempt", std::int64_t{sum.key.attempt}},
                        {"task", std::string(task_kind_name(sum.key.kind))}};
  for (auto& field : more) fields.push_back(std::move(field));
  ports_.log(event, std::move(fields));
}

void SiteSums::drop(SumOfJob& sums, const JobId& job) {
  const auto found = sums.extract(job);
  if (found.empty() || found.mapped()->input.is_none()) return;
  static_cast<void>(ports_.blobs.remove(found.mapped()->input).has_value());
}

bool SiteSums::is_about(const Sum& sum, const SumGift& gift) {
  return gift.model == sum.context.model &&
         (!hides_sites(sum.spec, sum.key.kind) || gift.clip == sum.context.clip);
}

// --- keys ---

// A sum that has this site's input may still be made: a coordinator that crashed when the sites had
// agreed on it goes on with it, and with no other set.
SiteSums::Answers SiteSums::begin(const TaskKey& key) {
  const auto found = sums_.find(key.job);
  // Keys that nobody has used yet are as good as new ones, if they are about what waits here now.
  bool unused = found != sums_.end() && found->second->key == key && !found->second->asked;
  if (unused) {
    const auto gift = ports_.gifts.find(key);
    unused = gift && is_about(*found->second, *gift);
  }
  if (!unused && found != sums_.end() && found->second->client->has_given()) {
    drop(earlier_, key.job);
    earlier_[key.job] = std::move(found->second);
    sums_.erase(found);
  }
  Answers answers = said_before(key.job);
  if (unused) {
    answers.push_back({key, sums_.at(key.job)->client->keys()});
    return answers;
  }
  drop(sums_, key.job);
  auto begun = begin_sum(key);
  if (!begun && begun.error().code == ErrorCode::kNotFound) return answers;
  for (SumAnswer& answer : begun ? *begun : give_up(key, begun.error()))
    answers.push_back(std::move(answer));
  return answers;
}

// Before the keys of another: so the coordinator sees that this process still has its secrets.
SiteSums::Answers SiteSums::said_before(const JobId& job) const {
  const auto found = earlier_.find(job);
  if (found == earlier_.end() || !found->second->client->has_given()) return {};
  return {SumAnswer{found->second->key, found->second->client->last()}};
}

Result<SiteSums::Answers> SiteSums::begin_sum(const TaskKey& key) {
  TRIB_TRY(gift, ports_.gifts.find(key));
  TRIB_TRY(file, parse_job(gift.document, "job " + key.job.value));
  if (!summed_secretly(file.spec, key.kind))
    return make_error(ErrorCode::kNotFound, "no task of a secure sum");
  TRIB_TRY(past, ports_.past.all());  // one that is damaged is told of now
  static_cast<void>(past);
  TRIB_TRY(policy, ports_.least_sites());
  TRIB_TRY(notary, ports_.notary());
  auto sum = std::make_shared<Sum>();
  sum->key = key;
  sum->spec = std::move(file.spec);
  sum->context = sum_context(sum->spec, key, sha256(as_bytes(gift.document)), gift.model,
                             gift.update.size(), gift.clip);
  if (const auto refusal = refusal_of(*sum)) return give_up(key, *refusal);
  sum->notary = std::move(notary);
  const std::size_t least = std::max(policy, least_members(sum->spec, key.kind, gift.least_sites));
  TRIB_TRY(client,
           SumClient::make(sum->context, ports_.site, {least, [this] { return ports_.past.all(); }},
                           *sum->notary, random_));
  sum->client = std::make_unique<SumClient>(std::move(client));
  Answers answers = {SumAnswer{key, sum->client->keys()}};
  sums_[key.job] = std::move(sum);
  return answers;
}

// Why a site that is to be hidden in its sums takes no part: before it gives its keys, and again
// before its input.
std::optional<SiteSums::Refusal> SiteSums::refusal_of(const Sum& sum) const {
  const double clip = sum.context.clip;
  if (!hides_sites(sum.spec, sum.key.kind)) return std::nullopt;
  const auto with = [](SumAbortReason reason, const Error& why) {
    return Refusal{std::string(abort_name(reason)), why};
  };
  if (const Status said = check_clip(sum.spec, clip); !said)
    return with(SumAbortReason::kClipRefused, said.error());
  const auto given = ports_.given.count(sum.key.job);
  if (!given) return Refusal{kSiteFailed, given.error()};
  if (const Status fits = permits_one_more(*sum.spec.privacy.sites, *given); !fits)
    return with(SumAbortReason::kBudgetSpent, fits.error());
  if (!sum.client || sum.client->members() == 0) return std::nullopt;
  const auto coding = noisy_coding(sum.spec, sum.client->members(), sum.context.numbers, clip);
  if (!coding) return with(SumAbortReason::kNoNoise, coding.error());
  return std::nullopt;
}

// The coordinator learns that this site takes no part; why is in the site's own log.
SiteSums::Answers SiteSums::give_up(const TaskKey& key, const Refusal& why, const Sum* of) {
  Sum none;
  none.key = key;
  tell(none, "sum.aborted", {{"reason", why.reason}, {"detail", why.why.message}});
  const auto earlier = earlier_.find(key.job);
  const bool of_earlier = earlier != earlier_.end() && earlier->second.get() == of;
  drop(of_earlier ? earlier_ : sums_, key.job);
  return {SumAnswer{key, SumAbort{why.reason, std::string(error_code_name(why.why.code))}}};
}

SiteSums::Answers SiteSums::give_up(const TaskKey& key, const Error& why, const Sum* of) {
  return give_up(key, Refusal{kSiteFailed, why}, of);
}

SiteSums::Answers SiteSums::again() {
  Answers answers;
  for (const auto& [job, sum] : earlier_) {
    for (SumAnswer& answer : said_before(job)) answers.push_back(std::move(answer));
  }
  for (const auto& [job, sum] : sums_) {
    if (!sum->client->aborted()) answers.push_back({sum->key, sum->client->keys()});
  }
  return answers;
}

// --- steps ---

// Both may be of the same task: the newer one begins with a roster, and the earlier one has had
// its own. Once the newer one begins, nobody goes on with the earlier one.
SiteSums::Answers SiteSums::handle(const SumRequest& request) {
  const auto of = [&request](const SumOfJob& sums) -> std::shared_ptr<Sum> {
    const auto found = sums.find(request.key.job);
    return found != sums.end() && found->second->key == request.key ? found->second : nullptr;
  };
  const std::shared_ptr<Sum> newest = of(sums_), earlier = of(earlier_);
  const bool begins = newest && std::holds_alternative<SumRoster>(request.body);
  if (begins) drop(earlier_, request.key.job);
  const std::shared_ptr<Sum> sum = begins || !earlier ? newest : earlier;
  if (!sum) return {};
  sum->asked = true;
  return answer(*sum, sum->client->handle(request.body));
}

SiteSums::Answers SiteSums::answer(Sum& sum, SumStep step) {
  if (step.input_due) {
    if (const auto refusal = refusal_of(sum)) return give_up(sum.key, *refusal, &sum);
  }
  if (step.remember) {
    if (const Status kept = ports_.past.add(*step.remember); !kept)
      return give_up(sum.key, kept.error(), &sum);
  }
  if (step.input_due) {
    if (hides_sites(sum.spec, sum.key.kind)) {
      if (const Status counted = ports_.given.add(sum.key.job); !counted)
        return give_up(sum.key, counted.error(), &sum);
    }
    const auto input = masked_input(sum);
    if (!input) return give_up(sum.key, input.error(), &sum);
    step = sum.client->give_input(*input);
  }
  if (!sum.joined && sum.client->members() > 0 && !sum.client->aborted()) {
    sum.joined = true;
    tell(sum, "sum.joined", {{"sites", static_cast<std::int64_t>(sum.client->members())}});
  }
  Answers answers;
  for (SumAnswerBody& body : step.answers) {
    if (const auto* abort = std::get_if<SumAbort>(&body))
      tell(sum, "sum.aborted", {{"reason", abort->reason}, {"detail", abort->detail}});
    if (std::holds_alternative<SumReveal>(body)) revealed(sum);
    answers.push_back({sum.key, std::move(body)});
  }
  return answers;
}

// A training may be asked for again until its round is committed; an evaluation is soon made anew.
void SiteSums::revealed(Sum& sum) {
  if (std::exchange(sum.revealed, true)) return;
  tell(sum, "sum.revealed", {});
  if (sum.key.kind == TaskKind::kEvaluate)
    static_cast<void>(ports_.gifts.forget(sum.key).has_value());
}

Result<BlobRef> SiteSums::masked_input(Sum& sum) {
  TRIB_TRY(gift, ports_.gifts.find(sum.key));
  // A task of the same name may have come again, with another model: what was trained from that is
  // in no sum about this one, or the rule about sums on one model would be passed by.
  if (!is_about(sum, gift)) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "what this site has for the sum was made from another model or clip");
  }
  if (hides_sites(sum.spec, sum.key.kind)) return noisy_input(sum, gift);
  std::vector<std::uint32_t> numbers;
  std::vector<std::uint64_t> wide = gift.counts;
  SumFigures figures;
  if (sum.key.kind == TaskKind::kTrain) {
    const SumCoding coding = sum_coding(sum.spec, sum.client->members());
    TRIB_CHECK_OK(check_coding(coding));
    const SumWeight weight = sum_weight(sum.spec, gift.examples);
    TRIB_TRY(coded, code_update(coding, gift.update, weight.share, random_));
    numbers = std::move(coded.numbers);
    figures = {weight.weight,
               gift.examples,
               in_loss_units(gift.train_loss * static_cast<double>(gift.examples)),
               coded.saturated,
               coded.clipped ? 1u : 0u,
               static_cast<std::uint64_t>(in_loss_units(coded.norm))};
    wide = wide_numbers(figures);
  }
  return mask(sum, std::move(numbers), std::move(wide),
              {{"clipped", figures.clipped > 0},
               {"saturated", static_cast<std::int64_t>(figures.saturated)}});
}

// With noise that is drawn anew for each sum: nothing else of the training is told.
Result<BlobRef> SiteSums::noisy_input(Sum& sum, const SumGift& gift) {
  TRIB_TRY(coding,
           noisy_coding(sum.spec, sum.client->members(), gift.update.size(), sum.context.clip));
  TRIB_TRY(coded, coding.code(gift.update, random_));
  return mask(sum, std::move(coded.numbers), {coded.count},
              {{"clip", sum.context.clip}, {"deviation", coding.deviation_of(1)}});
}

Result<BlobRef> SiteSums::mask(Sum& sum, std::vector<std::uint32_t> numbers,
                               std::vector<std::uint64_t> wide, EventFields told) {
  wide.resize(sum.context.wide, 0);
  apply_masks(sum.client->masks(SumPart::kNumbers), sum.context.bits, 0, numbers);
  apply_masks(sum.client->masks(SumPart::kWide), 0, wide);
  const Bytes packed = pack_input(numbers, sum.context.bits, wide);
  TRIB_TRY(digest, ports_.blobs.put(packed));
  sum.input = digest;
  told.insert(told.begin(), {"bytes", static_cast<std::int64_t>(packed.size())});
  tell(sum, "sum.input", std::move(told));
  return BlobRef{digest, packed.size()};
}

void SiteSums::committed(const JobId& job, RoundNumber round) {
  for (SumOfJob* sums : {&sums_, &earlier_}) {
    const auto found = sums->find(job);
    // The evaluation of a committed round is still to come.
    const RoundNumber over =
        found != sums->end() && found->second->key.kind == TaskKind::kTrain ? round + 1 : round;
    if (found != sums->end() && found->second->key.round < over) drop(*sums, job);
  }
  static_cast<void>(ports_.gifts.forget_training(job, round).has_value());
}

}  // namespace tributary
