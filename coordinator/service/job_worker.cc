// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/job_worker.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/config/encoding_choice.h"
#include "common/crypto/digest.h"
#include "common/crypto/secure_random.h"
#include "common/tensor/companions.h"
#include "common/tensor/kernels.h"
#include "common/tensor/model_delta.h"
#include "coordinator/aggregation/update_check.h"
#include "coordinator/round/pass.h"
#include "coordinator/service/site_privacy.h"
#include "coordinator/service/update_file.h"

namespace tributary {
namespace {

StateName name_of(const KeptState& state) {
  return {state.owner, state.vector->name,
          state.of_algorithm ? StateOf::kAlgorithm : StateOf::kServerOptimizer};
}

}  // namespace

JobWorker::JobWorker(JobId job, JobSpec spec, Staging& blobs, ModelRepository& models,
                     ParallelFor parallel, std::shared_ptr<SumMemory> sums,
                     std::unique_ptr<RandomSource> noise)
    : job_(std::move(job)),
      spec_(std::move(spec)),
      blobs_(blobs),
      models_(models),
      parallel_(std::move(parallel)),
      sums_(std::move(sums)),
      noise_(std::move(noise)) {}

std::optional<SentState> sent_state(const JobSpec& spec) {
  const std::string& algorithm = spec.train.algorithm.name;
  const ServerHalf* half = find_server_half(algorithm);
  if (half == nullptr || half->sent.empty()) return std::nullopt;
  return SentState{{half->name, half->sent, StateOf::kAlgorithm},
                   companions_of(algorithm).sent_tensors};
}

Result<const JobWorker::Layouts*> JobWorker::layouts(RoundNumber round) {
  if (!layouts_) {
    TRIB_TRY(model, models_.read_model(job_, round));
    layouts_ = {model->layout(),
                update_layout(companions_of(spec_.train.algorithm.name), model->layout())};
  }
  return &*layouts_;
}

Result<std::unique_ptr<ValueSource>> JobWorker::open_update(std::unique_ptr<ReadFile> file,
                                                            const Layouts& expected) const {
  return open_update_file(std::move(file), spec_.train.encoding, expected.update);
}

UpdateChecked JobWorker::check(const SiteName& site, const TaskKey& key,
                               const TrainResult& result) {
  const auto cannot = [&](const Error& error) {
    return UpdateChecked{site, key, Reason::kStorageFailed, error.message, 0.0};
  };
  const Result<const Layouts*> expected = layouts(key.round - 1);
  if (!expected) return cannot(expected.error());
  Result<std::unique_ptr<ReadFile>> file = blobs_.open_verified(result.update.digest);
  if (!file) return cannot(file.error());
  const auto update = open_update(*std::move(file), **expected);
  if (!update && update.error().code != ErrorCode::kDataLoss) return cannot(update.error());
  if (!update) {
    blobs_.done(result.update.digest, {job_, site});
    return {site, key, Reason::kMalformed, update.error().message, 0.0};
  }
  const Result<CheckedUpdate> checked =
      check_update(spec_.aggregation, (*expected)->update, **update, result.examples,
                   (*expected)->model.element_count());
  if (!checked) return cannot(checked.error());
  if (checked->reason != Reason::kAccepted) blobs_.done(result.update.digest, {job_, site});
  return {site, key, checked->reason, checked->detail, checked->norm};
}

void JobWorker::absorb(const AbsorbUpdate& effect) {
  if (lost_round_ == effect.update.into) return;
  if (open_round_ != effect.update.into) forget_sum();
  open_round_ = effect.update.into;
  waiting_.push_back(effect);
  static_cast<void>(fold_waiting().has_value());  // finish() says what is wrong
}

Status JobWorker::fold_waiting() {
  while (!waiting_.empty()) {
    const AbsorbUpdate next = waiting_.front();  // the queue may be another afterwards
    Status folded = fold(next);
    if (!folded)
      return std::move(folded).error().with_context("update of " + next.update.site.value);
    folded_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return {};
}

Result<std::unique_ptr<RoundAggregate>> JobWorker::open_aggregate(const AbsorbUpdate& effect,
                                                                  const Layout& model) {
  AggregationSpec plan = spec_.aggregation;
  plan.example_cap = effect.weight_max;
  std::unique_ptr<PrivateMean> privacy;
  // Under secure aggregation the noise is in the sum already, each site's own.
  if (spec_.privacy.sites && !spec_.privacy.secure_aggregation) {
    if (!noise_) noise_ = std::make_unique<SecureRandom>();
    TRIB_TRY(opened, PrivateMean::open(*spec_.privacy.sites, effect.clip, spec_.rounds.target,
                                       model.element_count(), *noise_));
    privacy = std::move(opened);
  }
  return RoundAggregate::open(plan, model, limits::kSitesMax,
                              derive_seed(spec_.seed, "aggregation", effect.update.into), parallel_,
                              sums_->take(), std::move(privacy));
}

// Its bytes are those that were checked before it was accepted: they have its digest.
Status JobWorker::fold(const AbsorbUpdate& effect) {
  const AcceptedUpdate& update = effect.update;
  TRIB_TRY(expected, layouts(update.into - 1));
  if (!aggregate_) {
    TRIB_TRY(opened, open_aggregate(effect, expected->model));
    aggregate_ = std::move(opened);
  }
  const auto open = [this, expected,
                     digest =
                         update.result.update.digest]() -> Result<std::unique_ptr<ValueSource>> {
    TRIB_TRY(file, blobs_.open_verified(digest));
    return open_update(std::move(file), *expected);
  };
  const auto opened = open();
  if (!opened) {  // the sum stays as it is
    const ErrorCode code = opened.error().code;
    if (code == ErrorCode::kDataLoss || code == ErrorCode::kNotFound) lose_sum();
    return opened.error();
  }
  UpdateFacts facts{update.site.value, update.result.examples, update.result.train_loss,
                    update.norm, update.weight};
  Status added = aggregate_->add(std::move(facts), **opened, open, update.share);
  if (!added) {
    begin_sum_again();
  } else if (!aggregate_->reads_at_the_end()) {
    blobs_.done(update.result.update.digest, {job_, update.site});
  }
  return added;
}

void JobWorker::lose_sum() {
  lost_round_ = open_round_;
  forget_sum();
}

void JobWorker::close_sum() {
  if (aggregate_) sums_->give(aggregate_->take_memory());
  aggregate_.reset();
}

void JobWorker::forget_sum() {
  close_sum();
  waiting_.clear();
  folded_.clear();
  open_round_.reset();
}

// A part of an update is in the sum: the others are folded anew, and nothing is lost but time,
// unless they lay in memory only until they were in it.
void JobWorker::begin_sum_again() {
  const bool all_there = std::ranges::all_of(folded_, [this](const AbsorbUpdate& one) {
    return blobs_.contains(one.update.result.update.digest);
  });
  if (!all_there) return lose_sum();
  close_sum();
  waiting_.insert(waiting_.begin(), std::make_move_iterator(folded_.begin()),
                  std::make_move_iterator(folded_.end()));
  folded_.clear();
}

Result<JobWorker::StateFiles> JobWorker::open_state(RoundNumber round, const Layout& layout) const {
  StateFiles files;
  for (const KeptState& state : aggregate_->states()) {
    const StateName name = name_of(state);
    if (round > 1) {
      TRIB_TRY(before, models_.read_state(job_, round - 1, name));
      files.before.push_back(std::move(before));
    }
    TRIB_TRY(after, models_.create_state(job_, round, name, layout));
    files.after.push_back(std::move(after));
  }
  return files;
}

// The state of the round before stays, for a round that is finished again.
Status JobWorker::keep_state(RoundNumber round, const StateFiles& files) const {
  for (std::size_t i = 0; i < files.after.size(); ++i) {
    TRIB_TRY(kept, files.after[i]->commit());
    static_cast<void>(kept);
    TRIB_CHECK_OK(models_.remove_old_state(job_, round, name_of(aggregate_->states()[i])));
  }
  return {};
}

bool JobWorker::take_lost(RoundNumber round) {
  if (lost_round_ != round) return false;
  lost_round_.reset();
  return true;
}

// For sites to fetch, with what of the algorithm's state they are sent.
Result<BlobRef> JobWorker::publish(RoundNumber round, const BlobRef& model) {
  const std::optional<SentState> along = sent_state(spec_);
  BlobRef sent = model;
  if (along) {
    TRIB_TRY(with_state, models_.sent_file(job_, round, *along));
    sent = with_state;
  }
  TRIB_CHECK_OK(models_.publish(job_, round, sent, along, blobs_));
  return sent;
}

// Which updates are in the sum, whatever the order in which they came.
Digest JobWorker::digest_of_folded() const {
  std::vector<std::string> lines;
  for (const AbsorbUpdate& one : folded_) {
    const AcceptedUpdate& update = one.update;
    lines.push_back(update.site.value + '\n' + update.result.update.digest.hex() + '\n');
  }
  std::ranges::sort(lines);
  Hasher hasher;
  for (const std::string& line : lines) hasher.update(as_bytes(line));
  return hasher.finish();
}

// Where noise is of sums over rounds: what the next rounds need of this one's is durable before a
// model is made with it. A model that was made and not committed, which nobody was sent, may be
// made again of other updates: its noise is another one then (next_step).
Status JobWorker::draw_over_rounds(RoundNumber round) {
  const std::uint32_t rounds_per_pass = rounds_per_pass_of(spec_);
  if (rounds_per_pass == 0) return {};
  if (round == 1 && !models_.has_noise(job_, 0))
    TRIB_CHECK_OK(models_.write_noise(job_, begin_tree(*noise_)));
  const Result<NoiseTree> before = models_.read_noise(job_, round - 1, rounds_per_pass);
  if (!before) {
    const bool gone = before.error().code == ErrorCode::kDataLoss;
    return gone ? make_error(ErrorCode::kInvalidArgument, before.error().message) : before.error();
  }
  TreeStep step = next_step(*before, rounds_per_pass, digest_of_folded());
  TRIB_CHECK_OK(models_.write_noise(job_, step.after));
  aggregate_->use_noise(std::move(step.noise));
  return round >= 2 ? models_.remove_noise(job_, round - 2) : Status{};
}

Result<RoundFinished> JobWorker::finish(RoundNumber round) {
  const Status folded = fold_waiting();
  if (lost_round_ == round)
    return make_error(ErrorCode::kDataLoss, "accepted updates cannot be read any more");
  TRIB_CHECK_OK(folded);
  if (open_round_ != round || !aggregate_)
    return make_error(ErrorCode::kFailedPrecondition, "no update was folded");
  TRIB_CHECK_OK(draw_over_rounds(round));
  const std::optional<StateName> target = target_name();
  TRIB_TRY(base, target && round > 1 ? models_.read_state(job_, round - 1, *target)
                                     : models_.read_model(job_, round - 1));
  TRIB_TRY(model, target ? models_.create_state(job_, round, *target, base->layout())
                         : models_.create_model(job_, round, base->layout()));
  TRIB_TRY(state, open_state(round, base->layout()));
  RoundStreams streams{*base, *model};
  for (const auto& vector : state.before) streams.states.push_back(vector.get());
  for (const auto& vector : state.after) streams.next_states.push_back(vector.get());
  TRIB_TRY(outcome, aggregate_->finish(streams, round, folded_.front().weight_all));
  if (spec_.privacy.secure_aggregation) outcome.next_clip = folded_.front().update.next_clip;
  TRIB_CHECK_OK(keep_state(round, state));
  TRIB_TRY(stored, model->commit());
  BlobRef delta;
  if (target) {
    TRIB_CHECK_OK(models_.remove_old_state(job_, round, *target));
    TRIB_TRY(followed, follow(round, *target));
    std::tie(stored, delta) = followed;
  }
  TRIB_TRY(sent, publish(round, stored));
  forget_sum();
  RoundFinished finished{job_, round, sent, outcome.update_norm, outcome.examples, delta, {}};
  if (spec_.privacy.sites) {
    TRIB_TRY(spent, spent_after(*spec_.privacy.sites, round, outcome.next_clip));
    finished.spent = spent;
  }
  return finished;
}

// The model that the server makes of the updates, where sites are sent another one that follows it.
std::optional<StateName> JobWorker::target_name() const {
  if (!makes_deltas(encoding_choice(spec_.train.download_encoding))) return std::nullopt;
  return StateName{spec_.train.download_encoding.name, "target", StateOf::kDownloads};
}

// The model of the round: the one before and what can be said, in the job's encoding, of the way
// from there to the target. Made of that delta as sites make it: all have the same bits.
Result<std::pair<BlobRef, BlobRef>> JobWorker::follow(RoundNumber round, const StateName& target) {
  using Values = Result<std::unique_ptr<ValueSource>>;
  const auto before = [&]() -> Values {
    TRIB_TRY(values, models_.read_model(job_, round - 1));
    return std::unique_ptr<ValueSource>(std::move(values));
  };
  const auto after = [&]() -> Values {
    TRIB_TRY(values, models_.read_state(job_, round, target));
    return std::unique_ptr<ValueSource>(std::move(values));
  };
  TRIB_TRY(file, models_.create_delta(job_, round));
  TRIB_CHECK_OK(write_delta(encoding_choice(spec_.train.download_encoding), before, after,
                            derive_seed(spec_.seed, "download", round),
                            [&file](ByteView part) { return file->append(part); }));
  TRIB_TRY(delta, file->commit());
  TRIB_TRY(base, before());
  TRIB_TRY(written, models_.open_delta(job_, round));
  TRIB_TRY(changes,
           open_update_file(std::move(written), spec_.train.download_encoding, base->layout()));
  TRIB_TRY(model, models_.create_model(job_, round, base->layout()));
  TRIB_CHECK_OK(apply_delta(*base, *changes, *model));
  TRIB_TRY(stored, model->commit());
  if (delta.bytes < stored.bytes) {
    TRIB_CHECK_OK(models_.publish_delta(job_, round, delta, blobs_));
  } else {
    delta = {};  // a model so small that it is the shorter way
  }
  TRIB_CHECK_OK(models_.remove_delta(job_, round));
  return std::pair(stored, delta);
}

Result<BlobRef> JobWorker::adopt_initial_model(const BlobRef& model) {
  const auto open = [&]() -> Result<std::unique_ptr<SafetensorsReader>> {
    TRIB_TRY(file, blobs_.open_verified(model.digest));
    return read_values(std::move(file));
  };
  TRIB_TRY(checking, open());
  const Layout layout = checking->layout();
  if (layout.element_count() == 0)
    return make_error(ErrorCode::kInvalidArgument, "the initial model has no weights");
  AggregationSpec any;
  any.coordinate_bound = std::numeric_limits<float>::max();
  TRIB_TRY(checked, check_update(any, layout, *checking, 1));
  if (checked.reason != Reason::kAccepted)
    return make_error(ErrorCode::kInvalidArgument, checked.detail);
  TRIB_TRY(values, open());
  TRIB_TRY(file, models_.create_model(job_, 0, layout));
  std::vector<float> block(kBlockValues);
  while (true) {
    TRIB_TRY(count, values->read(block));
    if (count == 0) break;
    TRIB_CHECK_OK(file->write(std::span(block).first(count)));
  }
  TRIB_CHECK_OK(begin_sent_state(layout));
  TRIB_TRY(stored, file->commit());
  return publish(0, stored);
}

// Zeros: before the first round sites are sent a file of the same layout as later.
Status JobWorker::begin_sent_state(const Layout& layout) {
  const std::optional<SentState> along = sent_state(spec_);
  if (!along) return {};
  TRIB_TRY(file, models_.create_state(job_, 0, along->state, layout));
  const std::vector<float> zeros(kBlockValues);
  for (std::size_t left = layout.element_count(); left > 0;) {
    const std::size_t count = std::min(left, zeros.size());
    TRIB_CHECK_OK(file->write(std::span(zeros).first(count)));
    left -= count;
  }
  TRIB_TRY(kept, file->commit());
  static_cast<void>(kept);
  return {};
}

}  // namespace tributary
