// SPDX-License-Identifier: Apache-2.0
#include "client/learning/learner.h"

namespace tributary {
namespace {

class InProcess final : public Learner {
 public:
  Result<Model> initial_model(const JobSpec& job, const std::vector<std::int64_t>& input_shape,
                              ByteView module_file, const Leash&) const override {
    return tributary::initial_model(job, input_shape, module_file);
  }
  Result<TrainOutput> train(const TrainRequest& request) const override {
    return tributary::train(request);
  }
  Result<EvaluationCounts> evaluate(const JobSpec& job, const Model& global, const ExampleSet& data,
                                    int threads, ByteView module_file,
                                    const Leash& leash) const override {
    return tributary::evaluate(job, global, data, threads, module_file, leash.should_stop,
                               leash.device);
  }
  Result<Bytes> export_torchscript(const JobSpec& job, const Model& model,
                                   const std::vector<std::int64_t>& input_shape,
                                   ByteView module_file, const Leash&) const override {
    return tributary::export_torchscript(job, model, input_shape, module_file);
  }
};

}  // namespace

const Learner& learner_in_process() {
  static const InProcess learner;
  return learner;
}

}  // namespace tributary
