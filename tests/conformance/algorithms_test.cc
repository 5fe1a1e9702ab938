// SPDX-License-Identifier: Apache-2.0
// Client algorithms with their halves at the server, on linear regressions of unlike sites: round
// by round against loops in float64 that follow the papers' formulas, and against the optimum of
// all data together, from which FedAvg with unlike numbers of local steps stays away.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "client/learning/algorithm.h"
#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "common/tensor/companions.h"
#include "coordinator/aggregation/round_aggregate.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using Vector = std::vector<double>;
constexpr std::size_t kInputs = 3;
constexpr std::size_t kWeights = kInputs + 1;  // and the bias, last

struct Site {
  ExampleSet data;
  std::int64_t steps;  // of all rows, in a round
};

// Each has inputs on another scale and another truth.
std::vector<Site> unlike_sites(const std::vector<std::int64_t>& steps) {
  std::vector<Site> sites;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    SeededRandom random(20 + s);
    Site site{{{kInputs}, static_cast<std::int64_t>(20 + 15 * s), {}, {}, {}}, steps[s]};
    const double scale = 0.5 + 0.4 * static_cast<double>(s);
    for (std::int64_t row = 0; row < site.data.rows; ++row) {
      double target = 0.3 * random.normal();
      for (std::size_t k = 0; k < kInputs; ++k) {
        const float input = static_cast<float>(scale * (random.normal() + 0.5));
        site.data.inputs.push_back(input);
        target +=
            (static_cast<double>(k) - 2.0 * static_cast<double>(s)) * static_cast<double>(input);
      }
      site.data.targets.push_back(static_cast<float>(target));
    }
    sites.push_back(std::move(site));
  }
  return sites;
}

// Of the mean squared error.
Vector gradient(const ExampleSet& data, const Vector& w) {
  Vector sum(kWeights);
  for (std::size_t row = 0; row < data.targets.size(); ++row) {
    const float* x = data.inputs.data() + row * kInputs;
    double error = w[kInputs] - static_cast<double>(data.targets[row]);
    for (std::size_t k = 0; k < kInputs; ++k) error += w[k] * static_cast<double>(x[k]);
    for (std::size_t k = 0; k < kInputs; ++k) sum[k] += 2.0 * error * static_cast<double>(x[k]);
    sum[kInputs] += 2.0 * error;
  }
  for (double& value : sum) value /= static_cast<double>(data.rows);
  return sum;
}

Vector optimum(const std::vector<Site>& sites) {
  double rows = 0.0;
  for (const Site& site : sites) rows += static_cast<double>(site.data.rows);
  Vector w(kWeights);
  for (int step = 0; step < 20'000; ++step) {
    Vector sum(kWeights);
    for (const Site& site : sites) {
      const Vector g = gradient(site.data, w);
      for (std::size_t i = 0; i < kWeights; ++i)
        sum[i] += static_cast<double>(site.data.rows) / rows * g[i];
    }
    for (std::size_t i = 0; i < kWeights; ++i) w[i] -= 0.05 * sum[i];
  }
  return w;
}

template <typename Values>
double distance(const Values& a, const Vector& b) {
  double squares = 0.0;
  for (std::size_t i = 0; i < kWeights; ++i)
    squares += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return std::sqrt(squares);
}

// What the product does, without its files and links.
class Federation {
 public:
  Federation(const std::string& algorithm, std::vector<Site> sites, OptionMap options = {},
             double momentum = 0.0, double rate = 0.02)
      : sites_(std::move(sites)) {
    job_.model = {"logistic", {}};
    job_.data.target = TargetKind::kRegression;
    job_.train.algorithm = choose(client_algorithms(), algorithm, std::move(options));
    job_.train.optimizer =
        choose(client_optimizers(), "sgd", {{"learning_rate", rate}, {"momentum", momentum}});
    job_.train.batch_size = 0;
    spec_.algorithm = job_.train.algorithm;
    spec_.server_optimizer = choose(server_optimizers(), "sgd");
    model_ = *initial_model(job_, {kInputs}, {});
    std::ranges::fill(model_.values, 0.0F);
  }

  // One with those sites.
  void round(const std::vector<std::size_t>& cohort) {
    const Companions& companions = companions_of(spec_.algorithm.name);
    const Layout whole = update_layout(companions, model_.layout);
    auto aggregate = RoundAggregate::open(spec_, model_.layout, sites_.size());
    ASSERT_TRUE(aggregate) << aggregate.error().message;
    std::uint64_t weight_all = 0;
    for (const Site& site : sites_) weight_all += static_cast<std::uint64_t>(site.data.rows);
    for (const std::size_t s : cohort) {
      job_.train.steps = sites_[s].steps;
      TrainRequest request{job_, 1, model_, sites_[s].data, 1, 1, {}, {}, {}};
      if (!companions.sent_tensors.empty() && !states_.empty()) request.server = states_[0].values;
      request.own = own_[s];
      auto trained = train(request);
      ASSERT_TRUE(trained) << trained.error().message;
      Model update{whole, std::move(trained->update.values)};
      update.values.insert(update.values.end(), trained->companions.begin(),
                           trained->companions.end());
      ASSERT_EQ(update.values.size(), whole.element_count());
      own_[s] = std::move(trained->own);
      ModelSource source(update);
      ASSERT_TRUE((*aggregate)->add(source, trained->examples));
    }
    finish(**aggregate, weight_all);
  }

  const std::vector<float>& weights() const { return model_.values; }
  const std::vector<Site>& sites() const { return sites_; }

 private:
  void finish(const RoundAggregate& aggregate, std::uint64_t weight_all) {
    const std::size_t count = aggregate.states().size();
    Model next{model_.layout, {}};
    std::vector<Model> after(count, {model_.layout, {}});
    ModelSource base(model_);
    ModelSink to(next);
    std::vector<ModelSource> from;
    std::vector<ModelSink> into;
    for (const Model& state : states_) from.emplace_back(state);
    for (Model& state : after) into.emplace_back(state);
    RoundStreams streams{base, to};
    for (ModelSource& state : from) streams.states.push_back(&state);
    for (ModelSink& state : into) streams.next_states.push_back(&state);
    ASSERT_TRUE(aggregate.finish(streams, 1, weight_all));
    model_ = std::move(next);
    states_ = std::move(after);
  }

  JobSpec job_;
  AggregationSpec spec_;
  std::vector<Site> sites_;
  Model model_;
  std::vector<Model> states_;
  std::map<std::size_t, std::vector<float>> own_;
};

// The same of a paper: x and the server's vector, and one vector for each site.
struct Reference {
  std::vector<Site> sites;
  double rate = 0.02, momentum = 0.0, alpha = 0.0;
  Vector x = Vector(kWeights), server = Vector(kWeights);
  std::map<std::size_t, Vector> own = {};

  double weight(std::size_t s) const { return static_cast<double>(sites[s].data.rows); }
  double weight_of(const std::vector<std::size_t>& cohort) const {
    double sum = 0.0;
    for (const std::size_t s : cohort) sum += weight(s);
    return sum;
  }
  double share_of(const std::vector<std::size_t>& cohort) const {
    double all = 0.0;
    for (std::size_t s = 0; s < sites.size(); ++s) all += weight(s);
    return weight_of(cohort) / all;
  }
  // Local steps after g + more(y); gives y.
  template <typename More>
  Vector local(std::size_t s, More more) const {
    Vector y = x, velocity(kWeights);
    for (std::int64_t step = 0; step < sites[s].steps; ++step) {
      const Vector g = gradient(sites[s].data, y), add = more(y);
      for (std::size_t i = 0; i < kWeights; ++i)
        velocity[i] = momentum * velocity[i] + g[i] + add[i];
      for (std::size_t i = 0; i < kWeights; ++i) y[i] -= rate * velocity[i];
    }
    return y;
  }

  void scaffold(const std::vector<std::size_t>& cohort) {
    Vector dx(kWeights), dc(kWeights);
    for (const std::size_t s : cohort) {
      Vector& c = own.try_emplace(s, kWeights).first->second;
      const Vector y = local(s, [&](const Vector&) {
        Vector add(kWeights);
        for (std::size_t i = 0; i < kWeights; ++i) add[i] = server[i] - c[i];
        return add;
      });
      double steps = 0.0, chain = 0.0;  // how far K gradients of 1 would move y, over the rate
      for (std::int64_t k = 0; k < sites[s].steps; ++k) steps += (chain = momentum * chain + 1.0);
      const double p = weight(s) / weight_of(cohort);
      for (std::size_t i = 0; i < kWeights; ++i) {
        const double next = c[i] - server[i] + (x[i] - y[i]) / (steps * rate);
        dx[i] += p * (y[i] - x[i]);
        dc[i] += p * (next - c[i]);
        c[i] = next;
      }
    }
    for (std::size_t i = 0; i < kWeights; ++i) {
      x[i] += dx[i];
      server[i] += share_of(cohort) * dc[i];
    }
  }

  void fednova(const std::vector<std::size_t>& cohort) {
    Vector direction(kWeights);
    double effective = 0.0;
    for (const std::size_t s : cohort) {
      const Vector y = local(s, [](const Vector&) { return Vector(kWeights); });
      double a =
          0.0;  // |a_i|_1 of the paper's section 4 for momentum rho: sum (1 - rho^k) / (1 - rho)
      for (std::int64_t k = 1; k <= sites[s].steps; ++k)
        a += (1.0 - std::pow(momentum, static_cast<double>(k))) / (1.0 - momentum);
      const double p = weight(s) / weight_of(cohort);
      effective += p * a;
      for (std::size_t i = 0; i < kWeights; ++i) direction[i] += p * (y[i] - x[i]) / a;
    }
    for (std::size_t i = 0; i < kWeights; ++i) x[i] += effective * direction[i];
  }

  void feddyn(const std::vector<std::size_t>& cohort) {
    Vector dx(kWeights);
    for (const std::size_t s : cohort) {
      Vector& h = own.try_emplace(s, kWeights).first->second;
      const Vector y = local(s, [&](const Vector& at) {
        Vector add(kWeights);
        for (std::size_t i = 0; i < kWeights; ++i) add[i] = alpha * (at[i] - x[i]) - h[i];
        return add;
      });
      for (std::size_t i = 0; i < kWeights; ++i) {
        h[i] -= alpha * (y[i] - x[i]);
        dx[i] += weight(s) / weight_of(cohort) * (y[i] - x[i]);
      }
    }
    for (std::size_t i = 0; i < kWeights; ++i) {
      server[i] -= alpha * share_of(cohort) * dx[i];
      x[i] += dx[i] - server[i] / alpha;
    }
  }
};

using Step = void (Reference::*)(const std::vector<std::size_t>&);

void expect_the_same(Federation& federation, Reference reference, Step step,
                     const std::vector<std::vector<std::size_t>>& cohorts, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    const auto& cohort = cohorts[static_cast<std::size_t>(round) % cohorts.size()];
    federation.round(cohort);
    (reference.*step)(cohort);
    ASSERT_LT(distance(federation.weights(), reference.x), 1e-5 * (1 + round)) << "round " << round;
  }
}

const std::vector<std::vector<std::size_t>> kAll = {{0, 1}};
const std::vector<std::vector<std::size_t>> kSome = {{0, 1}, {2, 0}, {1}, {1, 2}};

TEST(Algorithms, ScaffoldIsThatOfThePaper) {
  for (const double momentum : {0.0, 0.5}) {
    Federation all("scaffold", unlike_sites({2, 12}), {}, momentum);
    expect_the_same(all, {all.sites(), 0.02, momentum}, &Reference::scaffold, kAll, 12);
    Federation some("scaffold", unlike_sites({2, 8, 5}), {}, momentum);
    expect_the_same(some, {some.sites(), 0.02, momentum}, &Reference::scaffold, kSome, 12);
  }
}

TEST(Algorithms, FedNovaIsThatOfThePaper) {
  for (const double momentum : {0.0, 0.5}) {
    Federation all("fednova", unlike_sites({2, 12}), {}, momentum);
    expect_the_same(all, {all.sites(), 0.02, momentum}, &Reference::fednova, kAll, 12);
    Federation some("fednova", unlike_sites({2, 8, 5}), {}, momentum);
    expect_the_same(some, {some.sites(), 0.02, momentum}, &Reference::fednova, kSome, 12);
  }
}

TEST(Algorithms, FedDynIsThatOfThePaper) {
  Federation all("feddyn", unlike_sites({2, 12}), {{"alpha", 0.5}});
  expect_the_same(all, {all.sites(), 0.02, 0.0, 0.5}, &Reference::feddyn, kAll, 12);
  Federation some("feddyn", unlike_sites({2, 8, 5}), {{"alpha", 0.5}});
  expect_the_same(some, {some.sites(), 0.02, 0.0, 0.5}, &Reference::feddyn, kSome, 12);
}

double distance_after(const std::string& algorithm, int rounds, double rate,
                      OptionMap options = {}) {
  Federation federation(algorithm, unlike_sites({2, 20}), std::move(options), 0.0, rate);
  for (int round = 0; round < rounds; ++round) federation.round({0, 1});
  return distance(federation.weights(), optimum(federation.sites()));
}

// FedNova weighs local steps rightly, and what a site drifts within its own steps stays: it goes
// with the learning rate, where FedAvg's bias does not. The others have none.
TEST(Algorithms, OnlyFedAvgStaysAwayFromTheOptimumOfAllData) {
  EXPECT_GT(distance_after("fedavg", 400, 0.02), 0.4);
  EXPECT_LT(distance_after("scaffold", 400, 0.02), 1e-3);
  EXPECT_LT(distance_after("feddyn", 400, 0.02, {{"alpha", 0.5}}), 1e-3);
  EXPECT_GT(distance_after("fedavg", 1500, 0.002), 0.4);
  EXPECT_LT(distance_after("fednova", 1500, 0.002), 0.05);
}

// The same cohort in the same order and another one: the sum does not depend on it.
TEST(Algorithms, TheOrderOfTheUpdatesChangesNoBit) {
  for (const char* algorithm : {"scaffold", "fednova", "feddyn"}) {
    Federation one(algorithm, unlike_sites({2, 8, 5})), other(algorithm, unlike_sites({2, 8, 5}));
    for (int round = 0; round < 3; ++round) {
      one.round({0, 1, 2});
      other.round({2, 0, 1});
    }
    EXPECT_EQ(one.weights(), other.weights()) << algorithm;
  }
}

// Whatever an algorithm sends or keeps at the server, both sides and the catalogue agree on it.
TEST(Algorithms, TheHalvesBelongTogether) {
  std::set<std::string_view> halves;
  for (const ServerHalf* half : server_half_table()) halves.insert(half->name);
  for (const PluginSchema& schema : client_algorithms()) {
    SCOPED_TRACE(schema.name);
    const Companions& companions = companions_of(schema.name);
    const ServerHalf* half = find_server_half(schema.name);
    EXPECT_EQ(half != nullptr, schema.algorithm.server);
    halves.erase(schema.name);
    const bool sends = !companions.update_tensors.empty() || !companions.update_value.empty();
    EXPECT_EQ(sends, schema.algorithm.exact) << "what stands beside an update must not be rounded";
    EXPECT_TRUE(half != nullptr || !sends);
    EXPECT_EQ(half != nullptr && !half->sent.empty(), !companions.sent_tensors.empty());
    Federation federation(schema.name, unlike_sites({2, 3}));
    federation.round({0, 1});  // checks the size of the companions
  }
  EXPECT_TRUE(halves.empty()) << "a half of no algorithm";
}

TEST(Algorithms, ARuleWithoutAMeanIsRefused) {
  AggregationSpec spec;
  spec.algorithm = choose(client_algorithms(), "feddyn");
  spec.rule = choose(aggregation_rules(), "median");
  const auto opened = RoundAggregate::open(spec, {{{"w", {2}}}}, 3);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "median gives no mean for the algorithm feddyn");
}

}  // namespace
}  // namespace tributary
