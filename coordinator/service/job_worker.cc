// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/job_worker.h"

#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/tensor/kernels.h"
#include "coordinator/aggregation/update_check.h"

namespace tributary {

JobWorker::JobWorker(JobId job, JobSpec spec, BlobStore& blobs, ModelRepository& models,
                     ParallelFor parallel)
    : job_(std::move(job)),
      spec_(std::move(spec)),
      blobs_(blobs),
      models_(models),
      parallel_(std::move(parallel)) {}

Result<const Layout*> JobWorker::layout(RoundNumber round) {
  if (!layout_) {
    TRIB_TRY(model, models_.read_model(job_, round));
    layout_ = model->layout();
  }
  return &*layout_;
}

UpdateChecked JobWorker::check(const SiteName& site, const TaskKey& key,
                               const TrainResult& result) {
  const auto cannot = [&](const Error& error) {
    return UpdateChecked{site, key, Reason::kStorageFailed, error.message, 0.0};
  };
  const Result<const Layout*> expected = layout(key.round - 1);
  if (!expected) return cannot(expected.error());
  Result<std::unique_ptr<ReadFile>> file = blobs_.open_verified(result.update.digest);
  if (!file) return cannot(file.error());
  const auto update = read_values(*std::move(file));
  if (!update && update.error().code != ErrorCode::kDataLoss) return cannot(update.error());
  if (!update) return {site, key, Reason::kMalformed, update.error().message, 0.0};
  const Result<CheckedUpdate> checked =
      check_update(spec_.aggregation, **expected, **update, result.examples);
  if (!checked) return cannot(checked.error());
  return {site, key, checked->reason, checked->detail, checked->norm};
}

void JobWorker::absorb(const AbsorbUpdate& effect) {
  if (open_round_ != effect.update.into) {
    aggregate_.reset();
    waiting_.clear();
    folded_.clear();
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
    folded_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return {};
}

// Its bytes are those that were checked before it was accepted: they have its digest.
Status JobWorker::fold(const AcceptedUpdate& update, std::uint64_t weight_max) {
  if (!aggregate_) {
    TRIB_TRY(expected, layout(update.into - 1));
    AggregationSpec plan = spec_.aggregation;
    plan.example_cap = weight_max;
    TRIB_TRY(opened,
             RoundAggregate::open(plan, *expected, limits::kSitesMax,
                                  derive_seed(spec_.seed, "aggregation", update.into), parallel_));
    aggregate_ = std::move(opened);
  }
  const auto open = [&blobs = blobs_,
                     digest =
                         update.result.update.digest]() -> Result<std::unique_ptr<ValueSource>> {
    TRIB_TRY(file, blobs.open_verified(digest));
    TRIB_TRY(values, read_values(std::move(file)));
    return std::unique_ptr<ValueSource>(std::move(values));
  };
  UpdateFacts facts{update.site.value, update.result.examples, update.result.train_loss,
                    update.norm};
  Status added = aggregate_->add(std::move(facts), open, update.share);
  if (!added) begin_sum_again();
  return added;
}

// A part of an update is in the sum: the others are folded anew, and nothing is lost but time.
void JobWorker::begin_sum_again() {
  aggregate_.reset();
  waiting_.insert(waiting_.begin(), std::make_move_iterator(folded_.begin()),
                  std::make_move_iterator(folded_.end()));
  folded_.clear();
}

Result<RoundFinished> JobWorker::finish(RoundNumber round) {
  TRIB_CHECK_OK(fold_waiting());
  if (open_round_ != round || !aggregate_)
    return make_error(ErrorCode::kFailedPrecondition, "no update was folded");
  TRIB_TRY(base, models_.read_model(job_, round - 1));
  TRIB_TRY(model, models_.create_model(job_, round, base->layout()));
  std::unique_ptr<SafetensorsReader> state;
  std::unique_ptr<ModelFile> next_state;
  if (aggregate_->keeps_state()) {
    TRIB_TRY(before, models_.read_optimizer(job_, round - 1));
    TRIB_TRY(after, models_.create_optimizer(job_, round, base->layout()));
    state = std::move(before);
    next_state = std::move(after);
  }
  TRIB_TRY(outcome, aggregate_->finish({*base, *model, state.get(), next_state.get()}));
  if (next_state) {
    TRIB_TRY(kept, next_state->commit());
    static_cast<void>(kept);
    TRIB_CHECK_OK(models_.remove_old_optimizer(job_, round));
  }
  TRIB_TRY(stored, model->commit());
  TRIB_CHECK_OK(models_.publish(job_, round, stored, blobs_));
  aggregate_.reset();
  folded_.clear();
  open_round_.reset();
  return RoundFinished{job_, round, stored, outcome.update_norm, outcome.examples};
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
  TRIB_TRY(stored, file->commit());
  TRIB_CHECK_OK(models_.publish(job_, 0, stored, blobs_));
  return stored;
}

}  // namespace tributary
