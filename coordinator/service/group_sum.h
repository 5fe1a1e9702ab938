// SPDX-License-Identifier: Apache-2.0
// GroupSum: the arithmetic of one secure sum, away from the engine's thread: adds masked inputs,
// takes the masks off, and makes one update of a sum of updates. Its calls run on the job's strand.
// It holds a number for each value of the model, whatever the number of sites; they mean nothing
// before the masks are off.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "common/domain/evaluation.h"
#include "common/domain/job_spec.h"
#include "common/privacy/secagg/input_sum.h"
#include "common/privacy/secagg/sum_context.h"
#include "common/privacy/secagg/sum_input.h"
#include "common/privacy/secagg/sum_server.h"
#include "common/storage/blob_store.h"
#include "common/tensor/layout.h"
#include "coordinator/aggregation/parallel.h"
#include "coordinator/round/job_record.h"

namespace tributary {

class GroupSum {
 public:
  // `blobs` outlives it.
  GroupSum(SumContext context, JobSpec spec, Layout layout, BlobStore& blobs, ParallelFor parallel);

  // An input whose bytes are those that were announced. One that cannot be read spoils the sum, as
  // what is asked for in the end says.
  void add(ReadFile& input);

  // Of the inputs so far, masked as they are: durable in the blob store, as one input travels, so
  // that add() of it to another sum makes that the same. Errors are the store's, or that the sum is
  // spoiled.
  Result<BlobRef> put();

  struct MeanUpdate {
    AcceptedUpdate update;  // in the blob store; its site is `name`
    // None where noise hides each site in the sum: what has none is not summed.
    std::optional<SumFigures> figures;
  };
  // `members`: of the roster. kDataLoss: figures that no honest members can have.
  Result<MeanUpdate> mean_update(const SumUnmask& unmask, std::uint64_t members,
                                 const SiteName& name);
  Result<EvaluationCounts> counts(const SumUnmask& unmask);

 private:
  // What the sum's numbers stand for, and what they are multiplied by to be the mean.
  struct Reading {
    double step = 0.0;
    double scale = 0.0;
    double longest = 0.0;  // norm of the mean at most
  };
  Result<MeanUpdate> plain_mean(const SumUnmask& unmask, std::uint64_t members,
                                const SiteName& name);
  Result<MeanUpdate> noisy_mean(const SumUnmask& unmask, std::uint64_t members,
                                const SiteName& name);
  Result<AcceptedUpdate> update_of(const Reading& reading, const SiteName& name);
  Status take_masks_off(const SumUnmask& unmask);

  const SumContext context_;
  const JobSpec spec_;
  const Layout layout_;  // of the model
  BlobStore& blobs_;
  const ParallelFor parallel_;
  InputSum sum_;
  Status spoiled_;
};

}  // namespace tributary
