// SPDX-License-Identifier: Apache-2.0
// JobWorker: the arithmetic of one job, away from the engine's thread: checks updates, joins the
// accepted ones by the job's rule, and makes the next global model. Its calls for one job run one
// after another, in the order they were asked for (the driver posts them to the job's strand); it
// keeps one int64 per value of an update in memory or, where the rule sees all updates together, a
// few MiB, and reads updates and models from their files in blocks. It decides nothing: verdicts go
// back to the engine.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/random_source.h"
#include "common/domain/job_spec.h"
#include "common/domain/task.h"
#include "common/storage/blob_store.h"
#include "coordinator/aggregation/round_aggregate.h"
#include "coordinator/round/effects.h"
#include "coordinator/round/events.h"
#include "coordinator/service/model_repository.h"
#include "coordinator/service/staging.h"
#include "coordinator/service/sum_memory.h"

namespace tributary {

// What of a job's state sites are sent with its models.
std::optional<SentState> sent_state(const JobSpec& spec);

class JobWorker {
 public:
  // `parallel`: threads that help with large updates, and where a rule sees all of them together.
  // `sums`: memory that workers hand on to each other. `noise`: for a job that hides whole sites;
  // null: SecureRandom.
  JobWorker(JobId job, JobSpec spec, Staging& blobs, ModelRepository& models,
            ParallelFor parallel = one_after_another,
            std::shared_ptr<SumMemory> sums = std::make_shared<SumMemory>(),
            std::unique_ptr<RandomSource> noise = {});

  // The update's bytes are in the blob store under result.update.
  UpdateChecked check(const SiteName& site, const TaskKey& key, const TrainResult& result);
  // An accepted update, into the sum of round `into`; the first one of a round opens its sum. One
  // that cannot be folded now (a disk that cannot be read) is tried again by finish(). A rule that
  // sees all updates together reads them in finish(), from the blob store.
  void absorb(const AbsorbUpdate& effect);
  // Applies the joint update to the model of round - 1 and stores the model of `round`. Can be
  // called again if it failed; kInvalidArgument: the job's rule is not defined for these updates,
  // or what the noise of its pass follows from is gone.
  Result<RoundFinished> finish(RoundNumber round);
  // Whether finish() failed because updates are gone: then all of the round are to be asked for and
  // absorbed again. Says so once.
  bool take_lost(RoundNumber round);
  // A site's initial model, in the blob store: checked and stored as the model of round 0.
  Result<BlobRef> adopt_initial_model(const BlobRef& model);

 private:
  // Vector by vector, as the round's aggregate names them; `before` is empty in the first round.
  struct StateFiles {
    std::vector<std::unique_ptr<SafetensorsReader>> before;
    std::vector<std::unique_ptr<ModelFile>> after;
  };

  Result<StateFiles> open_state(RoundNumber round, const Layout& layout) const;
  Status keep_state(RoundNumber round, const StateFiles& files) const;
  // Models of all rounds have the same layout: that of any of them will do.
  struct Layouts {
    Layout model;
    Layout update;
  };
  Result<const Layouts*> layouts(RoundNumber round);
  Result<std::unique_ptr<ValueSource>> open_update(std::unique_ptr<ReadFile> file,
                                                   const Layouts& expected) const;
  Result<BlobRef> publish(RoundNumber round, const BlobRef& model);
  std::optional<StateName> target_name() const;
  Result<std::pair<BlobRef, BlobRef>> follow(RoundNumber round, const StateName& target);
  Status begin_sent_state(const Layout& layout);
  Digest digest_of_folded() const;
  Status draw_over_rounds(RoundNumber round);
  Status fold_waiting();
  Status fold(const AbsorbUpdate& effect);
  Result<std::unique_ptr<RoundAggregate>> open_aggregate(const AbsorbUpdate& effect,
                                                         const Layout& model);
  void begin_sum_again();
  void close_sum();
  void forget_sum();
  void lose_sum();

  JobId job_;
  JobSpec spec_;
  Staging& blobs_;
  ModelRepository& models_;
  ParallelFor parallel_;
  std::shared_ptr<SumMemory> sums_;
  std::unique_ptr<RandomSource> noise_;  // null until a job needs it
  std::optional<Layouts> layouts_;
  std::optional<RoundNumber> open_round_;  // of aggregate_
  std::unique_ptr<RoundAggregate> aggregate_;
  std::optional<RoundNumber> lost_round_;  // whose sum cannot be made any more
  std::deque<AbsorbUpdate> waiting_;       // accepted and not in the sum yet
  std::deque<AbsorbUpdate> folded_;        // in it
};

}  // namespace tributary
