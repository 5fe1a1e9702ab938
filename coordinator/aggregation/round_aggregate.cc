// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/round_aggregate.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/assert.h"
#include "common/domain/options.h"
#include "common/tensor/companions.h"
#include "common/tensor/kernels.h"

namespace tributary {
namespace {

// Values of a streamed update that are read at a time, 1 MiB of float32: enough that some threads
// have something to do, and not so many that they have left the second cache when they are folded.
constexpr std::size_t kValuesARun = 1u << 18;

Error too_short(const std::string& what) {
  return make_error(ErrorCode::kDataLoss, what + " is shorter than its layout");
}

// Exactly `into`; a file that ends before is not what it was.
Status read_all(ValueSource& from, std::span<float> into, const char* what) {
  TRIB_TRY(count, from.read(into));
  if (count == into.size()) return {};
  return too_short(what);
}

// What is kept from round to round, a block at a time.
class StateBlocks {
 public:
  StateBlocks(const std::vector<KeptState>& states, const RoundStreams& streams, std::size_t block)
      : states_(states), streams_(streams) {
    blocks_.resize(states.size(), std::vector<float>(block));
  }

  // The next `count` values of each vector.
  Status read(std::size_t count) {
    parts_.clear();
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      parts_.push_back(std::span(blocks_[i]).first(count));
      const KeptState& state = states_[i];
      if (streams_.states.empty()) {
        const auto initial = state.vector->initial;
        std::ranges::fill(parts_[i], initial != nullptr ? initial(*state.options) : 0.0f);
      } else {
        TRIB_CHECK_OK(read_all(
            *streams_.states[i], parts_[i],
            state.of_algorithm ? "the algorithm's state" : "the server optimiser's state"));
      }
    }
    return {};
  }
  Status write() const {
    for (std::size_t i = 0; i < parts_.size(); ++i)
      TRIB_CHECK_OK(streams_.next_states[i]->write(parts_[i]));
    return {};
  }
  // Those of the server optimiser come first.
  std::span<const std::span<float>> of_optimizer() const {
    const auto owns = [](const KeptState& state) { return !state.of_algorithm; };
    return std::span(parts_).first(static_cast<std::size_t>(std::ranges::count_if(states_, owns)));
  }
  std::span<const std::span<float>> of_algorithm() const {
    return std::span(parts_).subspan(of_optimizer().size());
  }

 private:
  const std::vector<KeptState>& states_;
  const RoundStreams& streams_;
  std::vector<std::vector<float>> blocks_;
  std::vector<std::span<float>> parts_;
};

bool states_fit(const RoundStreams& streams, std::size_t states, const Layout& layout) {
  TRIB_ASSERT(streams.next_states.size() == states, "a place for each state");
  return (streams.states.empty() || streams.states.size() == states) &&
         std::ranges::all_of(streams.states, [&layout](const ValueSource* state) {
           return state->layout() == layout;
         });
}

}  // namespace

Result<std::unique_ptr<RoundAggregate>> RoundAggregate::open(
    const AggregationSpec& spec, const Layout& layout, std::uint64_t updates_max,
    std::uint64_t seed, ParallelFor parallel, ExactSum::Memory memory,
    std::unique_ptr<PrivateMean> privacy) {
  TRIB_TRY(scale, privacy ? Result<int>(privacy->scale())
                          : plan_scale(spec.coordinate_bound, spec.example_cap, updates_max));
  TRIB_TRY(rule, find_rule(spec.rule.name));
  TRIB_TRY(before, find_pre_aggregator(spec.before.name));
  TRIB_TRY(optimizer, find_server_optimizer(spec.server_optimizer.name));
  TRIB_TRY(schedule, find_schedule(spec.schedule.name));
  const ServerHalf* half = find_server_half(spec.algorithm.name);
  if (half != nullptr && !rule->streams()) {
    return make_error(
        ErrorCode::kInvalidArgument,
        std::string(rule->name) + " gives no mean for the algorithm " + std::string(half->name));
  }
  if (privacy && (half != nullptr || !rule->streams())) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "privacy of sites is for a rule that streams, and an algorithm without a half "
        "at the server");
  }
  const Layout whole = update_layout(companions_of(spec.algorithm.name), layout);
  ExactSum sum(rule->streams() ? whole.element_count() : 0, scale, std::move(memory));
  return std::unique_ptr<RoundAggregate>(
      new RoundAggregate(spec, {*rule, *before, *optimizer, *schedule, half}, layout,
                         std::move(sum), seed, std::move(parallel), std::move(privacy)));
}

RoundAggregate::RoundAggregate(AggregationSpec spec, const Parts& parts, Layout layout,
                               ExactSum sum, std::uint64_t seed, ParallelFor parallel,
                               std::unique_ptr<PrivateMean> privacy)
    : spec_(std::move(spec)),
      rule_(parts.rule),
      before_(parts.before),
      optimizer_(parts.optimizer),
      schedule_(parts.schedule),
      half_(parts.half),
      layout_(std::move(layout)),
      update_layout_(update_layout(companions_of(spec_.algorithm.name), layout_)),
      seed_(seed),
      parallel_(std::move(parallel)),
      sum_(std::move(sum)),
      privacy_(std::move(privacy)) {
  for (const StateVector& vector : optimizer_.state)
    states_.push_back({&vector, optimizer_.name, false, &spec_.server_optimizer.options});
  if (half_ == nullptr) return;
  for (const StateVector& vector : half_->state)
    states_.push_back({&vector, half_->name, true, &spec_.algorithm.options});
}

Status RoundAggregate::add(UpdateFacts facts, ValueSource& update, OpenUpdate again,
                           std::uint32_t share) {
  const std::uint64_t examples = facts.examples;
  if (privacy_) {
    TRIB_ASSERT(share == kFullShare, "a late update among those that a promise counts");
    return fold(update, examples, Term{privacy_->take(facts.norm), 1});
  }
  if (rule_.streams() && facts.weight > 0) {
    const std::uint64_t weight = std::min(facts.weight, spec_.example_cap);
    return fold(update, examples, {ExactSum::factor_of(weight, share), weight});
  }
  if (rule_.streams()) return add(update, examples, share);
  TRIB_ASSERT(share == kFullShare, "a late update beside others that the rule sees together");
  const auto weight =
      static_cast<double>(std::clamp<std::uint64_t>(examples, 1, spec_.example_cap));
  TRIB_CHECK_OK(together_.add(std::move(facts), weight, std::move(again)));
  examples_ += examples;
  return {};
}

Status RoundAggregate::add(ValueSource& update, std::uint64_t examples, std::uint32_t share) {
  TRIB_ASSERT(rule_.streams() && !privacy_, "an update that comes without what the rule asks for");
  const std::uint64_t weight = std::get<StreamedRule>(rule_.how).weight(spec_, examples);
  return fold(update, examples, {ExactSum::factor_of(weight, share), weight});
}

Status RoundAggregate::fold(ValueSource& update, std::uint64_t examples, const Term& term) {
  if (update.layout() != update_layout_)
    return make_error(ErrorCode::kDataLoss, layout_difference(update_layout_, update.layout()));
  std::vector<float> room;
  for (std::size_t at = 0; at < sum_.size();) {
    TRIB_TRY(run, update.read_stored(std::min(kValuesARun, sum_.size() - at), room));
    if (run.count == 0) return too_short("the update");
    sum_.add_scaled(at, run, term.factor, parallel_);
    at += run.count;
  }
  sum_.end_term(term.weight);
  examples_ += examples;
  return {};
}

Result<std::unique_ptr<JointUpdate>> RoundAggregate::open_joint() const {
  if (rule_.streams()) return std::unique_ptr<JointUpdate>();
  return JointUpdate::open({rule_, before_}, spec_, together_, layout_, seed_, parallel_);
}

// The joint update of a round, a block at a time, as the server optimiser is to see it.
class RoundAggregate::Blocks {
 public:
  Blocks(const RoundAggregate& round, std::unique_ptr<JointUpdate> joint, std::uint64_t weight_all,
         std::size_t size)
      : round_(round), joint_(std::move(joint)), mean_(size) {
    const Companions& companions = companions_of(round.spec_.algorithm.name);
    const std::uint64_t weight = round.sum_.weight();
    if (weight_all > weight) share_ = static_cast<double>(weight) / static_cast<double>(weight_all);
    if (!companions.update_tensors.empty()) beside_.resize(size);
    if (!companions.update_value.empty())
      round.sum_.mean(round.sum_.size() - 1, std::span(&value_, 1));
  }

  // For `count` weights from the weight `at` on.
  Result<std::span<const double>> next(std::size_t at, std::size_t count,
                                       std::span<const std::span<float>> states) {
    const auto mean = std::span(mean_).first(count);
    if (joint_) {
      TRIB_CHECK_OK(joint_->next(mean));
    } else if (round_.privacy_) {
      round_.privacy_->mean(round_.sum_, at, mean);
    } else {
      round_.sum_.mean(at, mean);
    }
    if (round_.half_ == nullptr) return std::span<const double>(mean);
    const auto beside = std::span(beside_).first(std::min(count, beside_.size()));
    if (!beside.empty()) round_.sum_.mean(round_.layout_.element_count() + at, beside);
    round_.half_->step({round_.spec_.algorithm.options, share_, beside, value_, mean, states});
    return std::span<const double>(mean);
  }

 private:
  const RoundAggregate& round_;
  std::unique_ptr<JointUpdate> joint_;  // null where the rule streams
  std::vector<double> mean_;
  std::vector<double> beside_;
  double value_ = 0.0;
  double share_ = 1.0;
};

Result<AggregateOutcome> RoundAggregate::finish(const RoundStreams& streams, RoundNumber round,
                                                std::uint64_t weight_all) const {
  if (updates() == 0) return make_error(ErrorCode::kFailedPrecondition, "no update was accepted");
  if (streams.base.layout() != layout_ || !states_fit(streams, states_.size(), layout_)) {
    return make_error(ErrorCode::kDataLoss,
                      "the model or the server optimiser's state has another layout than before");
  }
  TRIB_TRY(together, open_joint());
  const std::size_t all = layout_.element_count(), size = std::min(kBlockValues, all);
  Blocks blocks(*this, std::move(together), weight_all, size);
  std::vector<float> weights(size);
  const OptionMap& options = spec_.server_optimizer.options;
  StateBlocks state(states_, streams, size);
  const double rate =
      option<double>(options, "learning_rate") *
      schedule_factor(schedule_, spec_.schedule.options, spec_.planned_rounds, round);
  double squares = 0.0;
  for (std::size_t at = 0; at < all; at += size) {
    const std::size_t count = std::min(size, all - at);
    const auto weights_part = std::span(weights).first(count);
    TRIB_CHECK_OK(read_all(streams.base, weights_part, "the model"));
    TRIB_CHECK_OK(state.read(count));
    TRIB_TRY(joint, blocks.next(at, count, state.of_algorithm()));
    for (const double value : joint) squares += value * value;
    optimizer_.step({options, rate, joint, weights_part, state.of_optimizer()});
    if (!std::ranges::all_of(weights_part, [](float value) { return std::isfinite(value); })) {
      return make_error(ErrorCode::kFailedPrecondition,
                        "the new global model is not finite; lower the learning rates");
    }
    TRIB_CHECK_OK(streams.model.write(weights_part));
    TRIB_CHECK_OK(state.write());
  }
  return AggregateOutcome{std::sqrt(squares), examples_, privacy_ ? privacy_->next_clip() : 0.0};
}

}  // namespace tributary
