// SPDX-License-Identifier: Apache-2.0
// The probe of a job's TorchScript module: asked here, answered by a confined process that has the
// module and ends with the probe. Plain function; what it makes has one owner, on the thread that
// made it.
#pragma once

#include <memory>

#include "client/confined/confined_learner.h"
#include "client/learning/model_probe.h"

namespace tributary {

// `memory_bytes`: that the process may take. Loading, and each question, have the time of
// `ports.load`; a process that takes longer is killed: kDeadlineExceeded then, and for every
// question after it. A module does not tell of its convolutions: feature_maps() is
// kFailedPrecondition.
Result<std::unique_ptr<ModelProbe>> probe_confined(const ConfinedLearner::Ports& ports,
                                                   const JobSpec& job, const Model& model,
                                                   const std::vector<std::int64_t>& input_shape,
                                                   int threads, ByteView module_file,
                                                   std::uint64_t memory_bytes);

}  // namespace tributary
