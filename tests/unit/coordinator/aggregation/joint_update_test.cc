// SPDX-License-Identifier: Apache-2.0
// What every rule that sees all updates together promises, whatever it computes: the same bits for
// every order of arrival, memory that does not grow with the model, attackers held off.
#include "coordinator/aggregation/joint_update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "coordinator/aggregation/round_aggregate.h"
#include "tests/unit/coordinator/aggregation/cohort.h"
#include "tests/unit/coordinator/aggregation/threads.h"

// Counts what lies on the heap.
namespace {
std::atomic<std::size_t> held{0}, most_held{0};
}
void* operator new(std::size_t bytes) {
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  held += malloc_usable_size(memory);
  if (held > most_held) most_held = held.load();
  return memory;
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return operator new(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) held -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace tributary {
namespace {

using testing::HasSubstr;

// Each rule that does not stream, alone and after each pre-aggregator. Means have no root.
std::vector<AggregationSpec> joint_specs() {
  std::vector<AggregationSpec> specs;
  for (const PluginSchema& rule : aggregation_rules()) {
    if ((*find_rule(rule.name))->streams()) continue;
    for (const PluginSchema& before : pre_aggregators()) {
      AggregationSpec spec = spec_of(rule.name, {}, before.name);
      if (!spec.root() || before.name == "none") specs.push_back(std::move(spec));
    }
  }
  return specs;
}

std::string name_of(const AggregationSpec& spec) {
  return spec.rule.name + " after " + spec.before.name;
}

// The model after the round, from one of zeros.
std::vector<float> finished(const AggregationSpec& spec, const Cohort& cohort,
                            const std::vector<std::size_t>& order,
                            ParallelFor parallel = one_after_another) {
  auto aggregate = *RoundAggregate::open(spec, cohort.layout(), 100, 9, std::move(parallel));
  for (const std::size_t site : order) EXPECT_TRUE(cohort.add(site, *aggregate));
  const Model base{cohort.layout(), std::vector<float>(cohort.updates[0].values.size())};
  Model next{cohort.layout(), {}};
  ModelSource from(base);
  ModelSink to(next);
  const auto outcome = aggregate->finish({from, to});
  EXPECT_TRUE(outcome) << outcome.error().message;
  return next.values;
}

TEST(JointUpdate, EveryOrderOfArrivalGivesTheSameBits) {
  const Cohort cohort = Cohort::random(15, 40'000, 1);  // more than two blocks
  std::vector<std::size_t> order = all_rows(cohort.size());
  SeededRandom random(2);
  for (const AggregationSpec& spec : joint_specs()) {
    SCOPED_TRACE(name_of(spec));
    const std::vector<float> expected = finished(spec, cohort, order);
    for (int trial = 0; trial < 3; ++trial) {
      random.shuffle(order);
      ASSERT_EQ(finished(spec, cohort, order), expected);
    }
  }
}

TEST(JointUpdate, EveryNumberOfThreadsGivesTheSameBits) {
  const Cohort cohort = Cohort::random(19, 30'000, 1);
  const std::vector<std::size_t> order = all_rows(cohort.size());
  for (const AggregationSpec& spec : joint_specs()) {
    SCOPED_TRACE(name_of(spec));
    const std::vector<float> expected = finished(spec, cohort, order);
    for (const std::size_t threads : {1u, 2u, 3u, 7u})
      ASSERT_EQ(finished(spec, cohort, order, on_threads(threads)), expected) << threads;
  }
}

// Values from a formula, so that nobody has to hold them.
class MadeSource final : public ValueSource {
 public:
  MadeSource(const Layout& layout, std::uint32_t site) : layout_(layout), site_(site) {}
  const Layout& layout() const override { return layout_; }
  Result<std::size_t> read(std::span<float> into) override {
    const std::size_t count = std::min(into.size(), layout_.element_count() - at_);
    for (std::size_t i = 0; i < count; ++i) {
      const auto mix = (static_cast<std::uint32_t>(at_ + i) + site_ * 40'503u) * 2'654'435'761u;
      into[i] = static_cast<float>(mix >> 8) * 0x1p-24f - 0.5f;
    }
    at_ += count;
    return count;
  }

 private:
  const Layout& layout_;
  std::uint32_t site_;
  std::size_t at_ = 0;
};

class NoSink final : public ValueSink {
 public:
  Status write(std::span<const float>) override { return {}; }
};

TEST(JointUpdate, HoldsBlocksAndNoModel) {
  constexpr std::size_t kSites = 50, kValues = 200'000;
  const Layout layout{{{"w", {kValues}}}};
  for (const AggregationSpec& spec : joint_specs()) {
    SCOPED_TRACE(name_of(spec));
    const std::size_t before = held;
    most_held = before;
    auto aggregate = *RoundAggregate::open(spec, layout, 100, 9);
    for (std::uint32_t s = 0; s < kSites; ++s) {
      UpdateFacts facts{site_name(s), 10, 1.0, 289.0};
      MadeSource now(layout, s);
      ASSERT_TRUE(aggregate->add(std::move(facts), now, [&layout, s]() {
        return Result<std::unique_ptr<ValueSource>>(std::make_unique<MadeSource>(layout, s));
      }));
    }
    MadeSource base(layout, 1000);
    NoSink sink;
    ASSERT_TRUE(aggregate->finish({base, sink}));
    // The updates are 40 MB.
    EXPECT_LT(most_held - before, 3u << 20);
  }
}

TEST(JointUpdate, AttackersDoNotMoveItBeyondTheHonest) {
  const std::vector<std::string> rules = {"median",     "trimmed_mean", "meamed",          "krum",
                                          "multi_krum", "bulyan",       "geometric_median"};
  for (const std::string& rule : rules) {
    for (const std::string before : {"none", "nearest_neighbour_mixing"}) {
      SCOPED_TRACE(rule + " after " + before);
      Cohort cohort = Cohort::random(15, 300, 3);
      std::vector<std::pair<float, float>> range(300, {1e9f, -1e9f});
      for (std::size_t s = 3; s < cohort.size(); ++s) {
        for (std::size_t c = 0; c < 300; ++c) {
          range[c].first = std::min(range[c].first, cohort.updates[s].values[c]);
          range[c].second = std::max(range[c].second, cohort.updates[s].values[c]);
        }
      }
      // Alone, or of one mind, which is what deceives rules that look at distances.
      for (std::size_t s = 0; s < 3; ++s)
        cohort.replace(s, std::vector<float>(300, s == 0 ? -1000.0f : 1000.0f));
      OptionMap options, mixing;
      if ((choose(aggregation_rules(), rule).options.contains("byzantine")))
        options["byzantine"] = std::int64_t{3};
      if (before != "none") mixing["byzantine"] = std::int64_t{3};
      const Vector got = *joint_of(cohort, spec_of(rule, options, before, mixing));
      for (std::size_t c = 0; c < 300; ++c) {
        ASSERT_GE(got[c], static_cast<double>(range[c].first) - 0.5) << c;
        ASSERT_LE(got[c], static_cast<double>(range[c].second) + 0.5) << c;
      }
    }
  }
}

TEST(JointUpdate, ClippingBoundsWhatAnAttackerAdds) {
  for (const std::string rule : {"centered_clipping", "norm_clipping"}) {
    Cohort cohort = Cohort::random(15, 300, 3);
    for (std::size_t s = 0; s < 3; ++s) cohort.replace(s, std::vector<float>(300, 1000.0f));
    double squares = 0.0;
    const Vector joint = *joint_of(cohort, spec_of(rule));
    for (const double value : joint) squares += value * value;
    EXPECT_LT(std::sqrt(squares), 3.0 * cohort.facts[5].norm) << rule;
  }
}

// Twelve of fifteen, whatever they agree on.
TEST(JointUpdate, AMajorityOfAttackersDoesNotTurnTrustAround) {
  for (const float attack : {-1.0f, -5.0f, -1000.0f}) {
    Cohort cohort = Cohort::random(15, 300, 3);
    for (std::size_t s = 3; s < cohort.size(); ++s) {
      std::vector<float> turned = cohort.updates[1].values;
      for (float& value : turned) value *= attack;
      cohort.replace(s, turned);
    }
    const Vector joint = *joint_of(cohort, spec_of("fltrust"));
    double along = 0.0, squares = 0.0;
    for (std::size_t c = 0; c < joint.size(); ++c) {
      along += joint[c] * static_cast<double>(cohort.updates[0].values[c]);
      squares += joint[c] * joint[c];
    }
    EXPECT_GT(along / std::sqrt(squares) / cohort.facts[0].norm, 0.5) << "it goes the root's way";
    EXPECT_LE(std::sqrt(squares), cohort.facts[0].norm * (1.0 + 1e-12)) << "no farther than that";
  }
}

TEST(JointUpdate, TellsWhichUpdateCannotBeRead) {
  const Cohort cohort = Cohort::random(5, 100, 1);
  for (const std::string rule : {"median", "krum", "norm_clipping", "fltrust"}) {
    auto aggregate = *RoundAggregate::open(spec_of(rule), cohort.layout(), 100, 9);
    Model cut = cohort.updates[2];
    cut.values.pop_back();
    for (std::size_t s = 0; s < 5; ++s) {
      ModelSource now(cohort.updates[s]);
      ASSERT_TRUE(aggregate->add(
          cohort.facts[s], now, s != 2 ? cohort.opener(s) : [&cut]() {
            return Result<std::unique_ptr<ValueSource>>(std::make_unique<ModelSource>(cut));
          }));
    }
    Model next{cohort.layout(), {}};
    ModelSource from(cohort.updates[0]);
    ModelSink to(next);
    EXPECT_THAT(aggregate->finish({from, to}).error().message, HasSubstr("update of site-002"))
        << rule;
  }
}

TEST(JointUpdate, RefusesASecondUpdateOfASiteAndTooMany) {
  const Cohort cohort = Cohort::random(1, 3, 1);
  auto aggregate = *RoundAggregate::open(spec_of("median"), cohort.layout(), 100, 9);
  ASSERT_TRUE(cohort.add(0, *aggregate));
  EXPECT_THAT(cohort.add(0, *aggregate).error().message, HasSubstr("second update of site-000"));
  UpdateFacts facts = cohort.facts[0];
  ModelSource now(cohort.updates[0]);
  for (std::size_t s = 1; s < kUpdatesTogetherMax; ++s) {
    facts.site = "s" + std::to_string(s);
    ASSERT_TRUE(aggregate->add(facts, now, cohort.opener(0)));
  }
  facts.site = "one more";
  EXPECT_THAT(aggregate->add(facts, now, cohort.opener(0)).error().message,
              HasSubstr("more than 512 updates"));
  EXPECT_EQ(aggregate->updates(), kUpdatesTogetherMax);
}

}  // namespace
}  // namespace tributary
