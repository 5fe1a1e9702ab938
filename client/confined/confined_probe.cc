// SPDX-License-Identifier: Apache-2.0
#include "client/confined/confined_probe.h"

#include <algorithm>
#include <cstring>

#include "client/confined/errand_fields.h"
#include "client/confined/order.h"
#include "client/confined/worker.h"
#include "client/learning/examples.h"

namespace tributary {
namespace {

std::uint32_t number_of(ErrandFrame kind) { return static_cast<std::uint32_t>(kind); }

class ConfinedProbe final : public ModelProbe {
 public:
  ConfinedProbe(const ConfinedLearner::Ports& ports, ChildProcess child, const JobSpec& job,
                const std::vector<std::int64_t>& input_shape)
      : ports_(ports), child_(std::move(child)), outputs_(model_outputs(job.data, input_shape)) {
    for (const std::int64_t size : input_shape) row_floats_ *= static_cast<std::size_t>(size);
    child_.channel().on_waiting([this] { return late(); });
  }

  // The order, and what the child says to the module.
  Status begin(const OrderHead& head, const OrderArrays& arrays) {
    started_ = ports_.clock.now();
    if (const Status sent = send_order(child_.channel(), head, arrays); !sent)
      return why_it_ended(sent.error());
    const Result<Bytes> ready = answer(0);
    return ready ? Status{} : ready.error();
  }

  std::int64_t outputs_of_row() const override { return outputs_; }
  Result<std::vector<float>> outputs(std::span<const float> inputs) override {
    return ask(Question::kOutputs, inputs, {},
               inputs.size() / row_floats_ * static_cast<std::size_t>(outputs_));
  }
  Result<std::vector<float>> gradients(std::span<const float> inputs,
                                       std::span<const std::int64_t> wanted) override {
    return ask(Question::kGradients, inputs, wanted, inputs.size());
  }
  Result<FeatureMaps> feature_maps(std::span<const float>, std::span<const std::int64_t>) override {
    return make_error(ErrorCode::kFailedPrecondition,
                      "a TorchScript module does not tell of its convolutions");
  }

 private:
  bool late() const { return ports_.clock.now() - started_ >= ports_.load; }

  Result<std::vector<float>> ask(Question question, std::span<const float> inputs,
                                 std::span<const std::int64_t> wanted, std::size_t count) {
    if (ended_) return *ended_;
    started_ = ports_.clock.now();
    ErrandWriter fields;
    fields(question);
    fields(std::vector<std::int64_t>(wanted.begin(), wanted.end()));
    Channel& channel = child_.channel();
    Status sent = channel.send(number_of(ErrandFrame::kAsk), std::move(fields).take());
    if (sent) sent = channel.send(number_of(ErrandFrame::kArray), std::as_bytes(inputs));
    if (!sent) return why_it_ended(sent.error());
    TRIB_TRY(bytes, answer(count * sizeof(float)));
    std::vector<float> values(count);
    if (bytes.size() != count * sizeof(float)) {
      return why_it_ended(
          make_error(ErrorCode::kProtocol, "its process gave another number of values"));
    }
    if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  // A refusal is an answer too; what is none ends the process.
  Result<Bytes> answer(std::size_t bytes) {
    while (true) {
      auto frame = child_.channel().receive(kAnswerRoomBytes + bytes);
      if (!frame) return why_it_ended(frame.error());
      if (frame->kind == number_of(ErrandFrame::kAnswer)) return read_bytes(frame->bytes);
      if (frame->kind != number_of(ErrandFrame::kConfined))
        return why_it_ended(make_error(ErrorCode::kProtocol, "its process told what nobody asked"));
    }
  }

  Error why_it_ended(const Error& error) {
    constexpr Milliseconds kPatience{1000};  // as ErrandRun
    const bool gone = error.code == ErrorCode::kUnavailable;
    const Error end = child_.end(gone ? kPatience : Milliseconds(0));
    Error why = gone ? end : error;
    if (error.code == ErrorCode::kCancelled) {
      why = make_error(
          ErrorCode::kDeadlineExceeded,
          "it did not answer within " + std::to_string(ports_.load.count() / 1000) + " s");
    }
    ended_ = std::move(why).with_context("the TorchScript module");
    return *ended_;
  }

  const ConfinedLearner::Ports ports_;
  ChildProcess child_;
  std::int64_t outputs_;
  std::size_t row_floats_ = 1;
  TimePoint started_;  // of the question in hand
  std::optional<Error> ended_;
};

}  // namespace

Result<std::unique_ptr<ModelProbe>> probe_confined(const ConfinedLearner::Ports& ports,
                                                   const JobSpec& job, const Model& model,
                                                   const std::vector<std::int64_t>& input_shape,
                                                   int threads, ByteView module_file,
                                                   std::uint64_t memory_bytes) {
  OrderHead head;
  head.errand = Errand::kProbe;
  head.memory_bytes = memory_bytes;
  head.threads = threads;
  head.job = job;
  head.input_shape = input_shape;
  head.layout = model.layout;
  OrderArrays arrays;
  arrays.module_file = module_file;
  arrays.global = model.values;
  TRIB_TRY(child, ChildProcess::start(ports.program, std::string(kConfinedCommand)));
  auto probe = std::make_unique<ConfinedProbe>(ports, std::move(child), job, input_shape);
  TRIB_CHECK_OK(probe->begin(head, arrays));
  return std::unique_ptr<ModelProbe>(std::move(probe));
}

}  // namespace tributary
