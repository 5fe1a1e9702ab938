// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/job_worker.h"

#include <limits>
#include <utility>

#include "common/base/limits.h"
#include "coordinator/aggregation/update_check.h"

namespace tributary {

JobWorker::JobWorker(JobId job, JobSpec spec, BlobStore& blobs, ModelRepository& models)
    : job_(std::move(job)), spec_(std::move(spec)), blobs_(blobs), models_(models) {}

Status JobWorker::load_base(RoundNumber round) {
  if (base_round_ == round) return {};
  TRIB_TRY(model, models_.load_model(job_, round));
  base_ = std::move(model);
  base_round_ = round;
  return {};
}

Result<Model> JobWorker::read_update(const TrainResult& result) const {
  TRIB_TRY(bytes, blobs_.read(result.update.digest));
  return decode_safetensors(bytes);
}

UpdateChecked JobWorker::check(const SiteName& site, const TaskKey& key,
                               const TrainResult& result) {
  // Models of all rounds have the same layout: whichever is here will do.
  if (Status loaded = base_round_ ? Status{} : load_base(key.round - 1); !loaded) {
    return {site, key, Reason::kStorageFailed, loaded.error().message, 0.0};
  }
  const Result<Bytes> bytes = blobs_.read(result.update.digest);
  if (!bytes) return {site, key, Reason::kStorageFailed, bytes.error().message, 0.0};
  const Result<Model> update = decode_safetensors(*bytes);
  if (!update) return {site, key, Reason::kMalformed, update.error().message, 0.0};
  const CheckedUpdate checked =
      check_update(spec_.aggregation, base_.layout, *update, result.examples);
  return {site, key, checked.reason, checked.detail, checked.norm};
}

void JobWorker::absorb(const AbsorbUpdate& effect) {
  if (open_round_ != effect.update.into) {
    aggregate_.reset();
    waiting_.clear();
    open_round_ = effect.update.into;
  }
  waiting_.push_back(effect);
  static_cast<void>(fold_waiting().has_value());  // finish() says what is wrong
}

Status JobWorker::fold_waiting() {
  while (!waiting_.empty()) {
    const AcceptedUpdate& update = waiting_.front().update;
    Status folded = fold(update, waiting_.front().weight_max);
    if (!folded) return std::move(folded).error().with_context("update of " + update.site.value);
    waiting_.pop_front();
  }
  return {};
}

Status JobWorker::fold(const AcceptedUpdate& update, std::uint64_t weight_max) {
  TRIB_CHECK_OK(load_base(update.into - 1));
  if (!aggregate_) {
    AggregationSpec plan = spec_.aggregation;
    plan.example_cap = weight_max;
    TRIB_TRY(opened, RoundAggregate::open(plan, base_.layout, limits::kSitesMax));
    aggregate_ = std::move(opened);
  }
  TRIB_TRY(model, read_update(update.result));
  // Checked before it was accepted; checked again because the bytes may come from an earlier life's
  // disk.
  const CheckedUpdate checked =
      check_update(spec_.aggregation, base_.layout, model, update.result.examples);
  if (checked.reason != Reason::kAccepted) return make_error(ErrorCode::kDataLoss, checked.detail);
  aggregate_->add(model, update.result.examples, update.share);
  return {};
}

Result<RoundFinished> JobWorker::finish(RoundNumber round) {
  TRIB_CHECK_OK(fold_waiting());
  if (open_round_ != round || !aggregate_)
    return make_error(ErrorCode::kFailedPrecondition, "no update was folded");
  TRIB_CHECK_OK(load_base(round - 1));
  TRIB_TRY(state, models_.load_optimizer(job_, round - 1));
  TRIB_TRY(outcome, aggregate_->finish(base_, state));
  if (outcome.optimizer_state) {
    TRIB_CHECK_OK(models_.save_optimizer(job_, round, *outcome.optimizer_state));
  }
  TRIB_TRY(stored, models_.save_model(job_, round, outcome.model));
  TRIB_CHECK_OK(publish(round));
  aggregate_.reset();
  open_round_.reset();
  base_ = std::move(outcome.model);
  base_round_ = round;
  return RoundFinished{job_, round, stored, outcome.update_norm, outcome.examples};
}

Status JobWorker::publish(RoundNumber round) {
  TRIB_TRY(bytes, models_.read_model_bytes(job_, round));
  TRIB_TRY(digest, blobs_.put(bytes));
  static_cast<void>(digest);
  return {};
}

Result<BlobRef> JobWorker::adopt_initial_model(const BlobRef& model) {
  TRIB_TRY(bytes, blobs_.read(model.digest));
  TRIB_TRY(decoded, decode_safetensors(bytes));
  if (decoded.values.empty())
    return make_error(ErrorCode::kInvalidArgument, "the initial model has no weights");
  AggregationSpec any;
  any.coordinate_bound = std::numeric_limits<float>::max();
  const CheckedUpdate checked = check_update(any, decoded.layout, decoded, 1);
  if (checked.reason != Reason::kAccepted)
    return make_error(ErrorCode::kInvalidArgument, checked.detail);
  TRIB_TRY(stored, models_.save_model(job_, 0, decoded));
  TRIB_CHECK_OK(publish(0));
  return stored;
}

}  // namespace tributary
