// SPDX-License-Identifier: Apache-2.0
#include "client/confined/errand_run.h"

#include "client/confined/worker.h"

namespace tributary {
namespace {

std::uint32_t number_of(ErrandFrame kind) { return static_cast<std::uint32_t>(kind); }

}  // namespace

Result<Bytes> ErrandRun::run(const OrderHead& head, const OrderArrays& arrays,
                             std::uint64_t bytes_max) {
  started_ = ports_.clock.now();
  TRIB_TRY(child, ChildProcess::start(ports_.program, std::string(kConfinedCommand)));
  Channel& channel = child.channel();
  channel.on_waiting([this] { return over(); });
  if (const Status sent = send_order(channel, head, arrays); !sent)
    return why_it_ended(sent.error(), child);
  Result<Bytes> answer = converse(channel, bytes_max);
  if (!answer) return why_it_ended(answer.error(), child);
  return answer;
}

// Whether nothing more is to be waited for, and why. Only a training has something to bring home
// after it was told to stop.
bool ErrandRun::over() {
  const TimePoint now = ports_.clock.now();
  if (!stopped_ && should_stop_ && should_stop_()) stopped_ = now;
  if (stopped_) return training_ == nullptr || !working_ || now - *stopped_ >= ports_.stop;
  late_ = !working_ && now - started_ >= ports_.load;
  return late_;
}

Status ErrandRun::tell_wishes(Channel& channel) {
  if (training_ == nullptr || !working_) return {};
  const bool stopping = stopped_.has_value();
  if (training_->checkpoint_due && !checkpoint_asked_ && training_->checkpoint_due()) {
    checkpoint_asked_ = true;
    TRIB_CHECK_OK(channel.send(number_of(ErrandFrame::kWantCheckpoint), {}));
  }
  return stopping ? channel.send(number_of(ErrandFrame::kStop), {}) : Status{};
}

Status ErrandRun::hear(const ChannelFrame& frame) {
  if (frame.kind == number_of(ErrandFrame::kConfined)) return {};
  if (frame.kind == number_of(ErrandFrame::kWorking)) {
    working_ = true;
    return {};
  }
  if (training_ != nullptr && frame.kind == number_of(ErrandFrame::kProgress)) {
    TRIB_TRY(progress, read_progress(frame.bytes));
    if (training_->progress) training_->progress(progress.first, progress.second);
    return {};
  }
  if (training_ != nullptr && frame.kind == number_of(ErrandFrame::kCheckpoint) &&
      std::exchange(checkpoint_asked_, false)) {
    training_->checkpoint(read_checkpoint(frame.bytes));
    return {};
  }
  return make_error(ErrorCode::kProtocol, "its process told what nobody asked");
}

Result<Bytes> ErrandRun::converse(Channel& channel, std::uint64_t bytes_max) {
  bool told_to_stop = false;
  while (true) {
    const bool readable = channel.readable(Channel::kTick);
    if (over()) return make_error(ErrorCode::kCancelled, "");
    if (!told_to_stop) {
      TRIB_CHECK_OK(tell_wishes(channel));
      told_to_stop = working_ && stopped_.has_value();
    }
    if (!readable) continue;
    TRIB_TRY(frame, channel.receive(bytes_max));
    if (frame.kind == number_of(ErrandFrame::kAnswer)) return std::move(frame.bytes);
    TRIB_CHECK_OK(hear(frame));
  }
}

Error ErrandRun::why_it_ended(const Error& error, ChildProcess& child) const {
  constexpr Milliseconds kPatience{1000};  // its end of the channel closes a little before it ends
  const bool gone = error.code == ErrorCode::kUnavailable;
  const Error end = child.end(gone ? kPatience : Milliseconds(0));
  const std::string module = "the TorchScript module";
  if (late_) {
    return make_error(ErrorCode::kDeadlineExceeded,
                      module + " did not get through loading and a first batch within " +
                          std::to_string(ports_.load.count() / 1000) + " s");
  }
  if (stopped_) return make_error(ErrorCode::kCancelled, "the work was stopped");
  if (gone) return Error(end).with_context(module);
  return Error(error).with_context(module);
}

}  // namespace tributary
