// SPDX-License-Identifier: Apache-2.0
#include "client/confined/worker.h"

#include <unistd.h>

#include "client/confined/errand_fields.h"
#include "client/confined/order.h"
#include "client/learning/model_probe.h"
#include "client/sandbox/child_process.h"
#include "client/sandbox/confinement.h"
#include "common/base/clock.h"

namespace tributary {
namespace {

// So often the parent is told how far a training is.
constexpr Milliseconds kProgressEvery{20};

class Worker {
 public:
  explicit Worker(Channel channel) : channel_(std::move(channel)) {}

  Status serve() {
    TRIB_TRY(order, receive_order(channel_));
    warm_up_torch();
    if (const Status confined = confine({order.head.memory_bytes}); !confined)
      return tell(ErrandFrame::kAnswer, refusal(order.head.errand, confined.error()));
    TRIB_CHECK_OK(tell(ErrandFrame::kConfined, {}));
    if (order.head.errand == Errand::kProbe) return answer_questions(order);
    return tell(ErrandFrame::kAnswer, carry_out(order));
  }

 private:
  Status tell(ErrandFrame kind, ByteView bytes) {
    return channel_.send(static_cast<std::uint32_t>(kind), bytes);
  }

  static Bytes refusal(Errand errand, const Error& why) {
    switch (errand) {
      case Errand::kInitialModel:
        return answer_of(Result<Model>(why));
      case Errand::kTrain:
        return answer_of(Result<TrainOutput>(why));
      case Errand::kEvaluate:
        return answer_of(Result<EvaluationCounts>(why));
      case Errand::kExport:
      case Errand::kProbe:
        break;
    }
    return answer_of(Result<Bytes>(why));
  }

  Bytes carry_out(const Order& order) {
    const auto& [head, module_file, global, start, server, own, data, validation] = order;
    switch (head.errand) {
      case Errand::kInitialModel:
        return answer_of(initial_model(head.job, head.input_shape, module_file));
      case Errand::kTrain:
        return answer_of(train_as_ordered(order));
      case Errand::kEvaluate:
        return answer_of(evaluate(head.job, global, data, head.threads, module_file,
                                  [this] { return stopped(); }));
      case Errand::kExport:
      case Errand::kProbe:
        break;
    }
    return answer_of(export_torchscript(head.job, global, head.input_shape, module_file));
  }

  Result<TrainOutput> train_as_ordered(const Order& order) {
    const OrderHead& head = order.head;
    TrainRequest request{
        head.job,
        head.round,
        order.global,
        order.data,
        head.shuffle_seed,
        head.threads,
        [this] { return stopped(); },
        [this](std::uint64_t done, std::uint64_t total) { tell_progress(done, total); },
        order.module_file};
    if (head.has_start) request.start = &order.start;
    request.server = order.server;
    request.own = order.own;
    if (head.validation_rows > 0) request.validation = &order.validation;
    if (head.resume) request.resume = [&head] { return head.resume; };
    if (head.checkpoints) {
      request.checkpoint_due = [this] { return std::exchange(checkpoint_wanted_, false); };
      request.checkpoint = [this](Result<TrainingState> state) {
        static_cast<void>(tell(ErrandFrame::kCheckpoint, checkpoint_frame(state)).has_value());
      };
    }
    return train(request);
  }

  // Until the parent has no more of them, and closes its end.
  Status answer_questions(const Order& order) {
    const OrderHead& head = order.head;
    const auto probe =
        probe_model(head.job, order.global, head.input_shape, head.threads, order.module_file);
    TRIB_CHECK_OK(tell(ErrandFrame::kAnswer,
                       answer_of(probe ? Result<Bytes>(Bytes{}) : Result<Bytes>(probe.error()))));
    while (probe) {
      TRIB_TRY(frame, channel_.receive());
      ErrandReader fields(frame.bytes);
      Question question{};
      std::vector<std::int64_t> wanted;
      fields(question);
      fields(wanted);
      TRIB_CHECK_OK(fields.end());
      std::vector<float> inputs;
      TRIB_CHECK_OK(
          channel_.receive_values(static_cast<std::uint32_t>(ErrandFrame::kArray), inputs));
      const auto found = question == Question::kOutputs ? (*probe)->outputs(inputs)
                                                        : (*probe)->gradients(inputs, wanted);
      Bytes values;
      if (found) values = as_answer(*found);
      TRIB_CHECK_OK(tell(ErrandFrame::kAnswer, answer_of(found ? Result<Bytes>(std::move(values))
                                                               : Result<Bytes>(found.error()))));
    }
    return {};
  }

  static Bytes as_answer(const std::vector<float>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    return {bytes.begin(), bytes.end()};
  }

  // Asked before the first batch: the model is there by then.
  bool stopped() {
    if (!std::exchange(working_told_, true))
      stop_ = stop_ || !tell(ErrandFrame::kWorking, {}).has_value();
    while (!stop_ && channel_.readable(Milliseconds(0))) {
      const Result<ChannelFrame> frame = channel_.receive();
      if (!frame || frame->kind == static_cast<std::uint32_t>(ErrandFrame::kStop)) stop_ = true;
      if (frame && frame->kind == static_cast<std::uint32_t>(ErrandFrame::kWantCheckpoint))
        checkpoint_wanted_ = true;
    }
    return stop_;
  }

  void tell_progress(std::uint64_t done, std::uint64_t total) {
    const TimePoint now = clock_.now();
    if (done < total && now - told_at_ < kProgressEvery) return;
    told_at_ = now;
    static_cast<void>(tell(ErrandFrame::kProgress, progress_frame(done, total)).has_value());
  }

  Channel channel_;
  const SystemClock clock_;
  TimePoint told_at_;
  bool working_told_ = false;
  bool stop_ = false;
  bool checkpoint_wanted_ = false;
};

}  // namespace

int serve_confined() {
  Worker worker(begin_as_child());
  const Status served = worker.serve();
  // Nothing of Torch is taken down in a process that may not do what that takes.
  ::_exit(served ? 0 : 1);
}

}  // namespace tributary
