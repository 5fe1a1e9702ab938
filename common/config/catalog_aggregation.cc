// SPDX-License-Identifier: Apache-2.0
#include "common/config/catalog_options.h"

namespace tributary {

using namespace catalog;

namespace {

OptionSchema warmup() {
  return integer("warmup", {0, limits::kRoundsMax}, 0,
                 "so many rounds first, with r / (warmup + 1) in round r");
}

OptionSchema tau() {
  return number("tau", {.min = 1e-12, .max = 1.0, .below_max = true}, 0.001,
                "added to the root of the squares, which start at tau^2; larger: less adaptive");
}

// Defaults of the paper's experiments, but for the learning rate, which it tunes for each task.
std::vector<OptionSchema> moment_options() {
  return {rate(0.01), number("beta1", kBelowOne, 0.9, "memory of the mean update"),
          number("beta2", kBelowOne, 0.99, "memory of the mean square"), tau()};
}

// Fewer than half of the kUpdatesTogetherMax that a rule can see.
OptionSchema byzantine() {
  return integer("byzantine", {0, 255}, 1, "so many sites of a round may be faulty or hostile");
}
OptionSchema weighted(bool fallback) {
  return flag("weighted", fallback, "whether a site counts by its training rows up to example_cap");
}

}  // namespace

const std::vector<PluginSchema>& pre_aggregators() {
  static const std::vector<PluginSchema> kPreAggregators = {
      {"none", "The rule sees the updates as they came", {}},
      {"nearest_neighbour_mixing",
       "Each update becomes the mean of those nearest to it, all but byzantine of them (Allouah et "
       "al. 2023)",
       {byzantine()},
       {true, 2, 1}},
      {"bucketing",
       "Means of updates thrown together by lot (Karimireddy et al. 2022)",
       {integer("size", {1, static_cast<std::int64_t>(kUpdatesTogetherMax)}, 2,
                "updates in a bucket; the rule sees so many times fewer")},
       {true}}};
  return kPreAggregators;
}

const std::vector<PluginSchema>& aggregation_rules() {
  static const std::vector<PluginSchema> kRules = {
      {"weighted_mean", "Mean of the updates, weighted by training rows up to example_cap", {}},
      {"median", "Median of each weight (Yin et al. 2018)", {}, {true}},
      {"trimmed_mean",
       "Mean of each weight without the byzantine lowest and highest (Yin et al. 2018)",
       {byzantine()},
       {true, 2, 1}},
      {"meamed",
       "Mean of each weight over all but the byzantine farthest from its median (Xie et al. 2018)",
       {byzantine()},
       {true, 2, 1}},
      {"krum",
       "The one update with the nearest neighbours (Blanchard et al. 2017)",
       {byzantine()},
       {true, 2, 3}},
      {"multi_krum",
       "Mean of the updates with the nearest neighbours (Blanchard et al. 2017)",
       {byzantine(), integer("select", {0, static_cast<std::int64_t>(kUpdatesTogetherMax)}, 0,
                             "so many updates; 0: all but byzantine of them")},
       {true, 2, 3}},
      {"bulyan",
       "Krum again and again, then the mean near the median of each weight (El Mhamdi et al. 2018)",
       {byzantine()},
       {true, 4, 3}},
      {"geometric_median",
       "The point with the least sum of distances, RFA (Pillutla et al. 2022)",
       {integer("iterations", {1, 10'000}, 100,
                "of Weiszfeld's algorithm, which cost next to nothing"),
        number("smoothing", kPositive, 1e-6, "distances below it count as this long"),
        weighted(false)},
       {true}},
      {"centered_clipping",
       "Mean of the updates, each clipped to a ball around the mean so far (Karimireddy et al. "
       "2021)",
       {number("radius", kNotNegative, 0.0, "of the ball; 0: the median of the updates' norms"),
        integer("iterations", {1, 10'000}, 3, "times that the ball moves to the new mean")},
       {true}},
      {"norm_clipping",
       "Mean of the updates, longer ones shortened to a bound (Sun et al. 2019)",
       {number("bound", kNotNegative, 0.0, "of the norm; 0: the median of the updates' norms"),
        weighted(true)},
       {true}},
      {"qffl",
       "Sites with a larger loss count more, q-FedAvg (Li et al. 2020)",
       {number("q", kNotNegative, 1.0, "0: all count the same; larger: fairer"),
        number("learning_rate", kPositive, 0.01, "that of train.optimizer")},
       {true}},
      {"fltrust",
       "Mean of the updates, each weighted by its cosine to that of an evaluator with clean data, "
       "and as long (Cao et al. 2021)",
       {required_text("root", "name of that evaluator, which trains beside the sites")},
       {true, 0, 2}}};
  return kRules;
}

const std::vector<PluginSchema>& server_optimizers() {
  static const std::vector<PluginSchema> kOptimizers = {
      {"sgd", "weights += learning_rate * mean update", {rate(1.0)}},
      {"momentum",
       "Mean update with momentum beta (FedAvgM)",
       {rate(1.0), number("beta", kBelowOne, 0.9, "share of the last velocity that is kept")}},
      {"adam", "FedAdam (Reddi et al. 2021), without bias correction", moment_options()},
      {"yogi", "FedYogi (Reddi et al. 2021): as adam, but large steps come back slowly",
       moment_options()},
      {"adagrad", "FedAdagrad (Reddi et al. 2021): steps only become smaller", {rate(0.1), tau()}}};
  return kOptimizers;
}

const std::vector<PluginSchema>& learning_rate_schedules() {
  static const std::vector<PluginSchema> kSchedules = {
      {"constant", "1", {warmup()}},
      {"exponential",
       "decay^s",
       {number("decay", kShare, 0.99, "what each round leaves of the rate"), warmup()}},
      {"step",
       "decay^(s / every, rounded down)",
       {number("decay", kShare, 0.5, "what each stair leaves of the rate"),
        integer("every", {1, limits::kRoundsMax}, 10, "rounds from one stair to the next"),
        warmup()}},
      {"cosine",
       "minimum + (1 - minimum) * (1 + cos(pi * s / S)) / 2",
       {number("minimum", kBelowOne, 0.0, "the share of the rate at which it would end"),
        warmup()}}};
  return kSchedules;
}

}  // namespace tributary
