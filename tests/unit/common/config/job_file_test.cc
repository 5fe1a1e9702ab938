// SPDX-License-Identifier: Apache-2.0
#include "common/config/job_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/encoding_choice.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr const char* kGood = R"(name: heart
seed: 7
model: {family: mlp, hidden: [16, 8], activation: tanh}
data:
  dataset: heart
  features:
    - age
    - {name: sex, type: categorical, values: [f, m], drop_first: true}
    - name: pressure
  label: {column: num, positive_above: 0}
  missing: mean
train:
  algorithm: {name: fedprox, mu: 0.1}
  optimizer: {name: adam, learning_rate: 1e-2}
  epochs: 2
  batch_size: 10
aggregate:
  server_optimizer: {name: momentum, beta: 0.5}
  schedule: {name: cosine, warmup: 5, minimum: 0.1}
  example_cap: 500
rounds: {count: 20, minimum_sites: 3, quorum: 2, deadline: 90s}
evaluate: {every: 2, best_by: auc}
)";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

TEST(JobFile, ReadsEveryPart) {
  const auto file = parse_job(kGood, "job.yaml");
  ASSERT_TRUE(file) << file.error().message;
  const JobSpec& job = file->spec;
  EXPECT_EQ(job.name, "heart");
  EXPECT_EQ(job.seed, 7u);
  EXPECT_EQ(job.model.name, "mlp");
  EXPECT_EQ(job.model.options.at("hidden"), OptionValue(std::vector<std::int64_t>{16, 8}));
  EXPECT_EQ(job.model.options.at("dropout"), OptionValue(0.0)) << "defaults are filled in";
  ASSERT_EQ(job.data.features.size(), 3u);
  EXPECT_EQ(job.data.features[1].kind, FeatureKind::kCategorical);
  EXPECT_TRUE(job.data.features[1].drop_first);
  EXPECT_EQ(job.data.positive_above, 0.0);
  EXPECT_EQ(job.data.standardize, Standardize::kFederated);
  EXPECT_EQ(job.data.missing, MissingValues::kMean);
  EXPECT_EQ(job.train.algorithm.options.at("mu"), OptionValue(0.1));
  EXPECT_EQ(job.train.optimizer.options.at("beta2"), OptionValue(0.999));
  EXPECT_EQ(job.aggregation.server_optimizer.name, "momentum");
  EXPECT_EQ(job.aggregation.schedule.name, "cosine");
  EXPECT_EQ(job.aggregation.schedule.options.at("minimum"), OptionValue(0.1));
  EXPECT_EQ(job.aggregation.planned_rounds, 20u);
  EXPECT_EQ(job.aggregation.example_cap, 500u);
  EXPECT_EQ(job.rounds.rounds, 20u);
  EXPECT_EQ(job.rounds.quorum, 2u);
  EXPECT_EQ(job.rounds.deadline_ms, 90'000);
  EXPECT_EQ(job.evaluation.best_by, "auc");
}

TEST(JobFile, ReadsNormsAndRowsOfIds) {
  const auto with = [](const std::string& model, const std::string& data) {
    return parse_job("name: arrays\nmodel: {family: " + model +
                         "}\ndata: {dataset: d, task: binary, " + data +
                         "}\ntrain: {optimizer: sgd}\nrounds: {count: 2}\n",
                     "job.yaml");
  };
  const auto refused = [&](const std::string& model, const std::string& data) {
    const auto file = with(model, data);
    return file ? std::string("it was taken") : file.error().message;
  };
  const std::string pictures = "input_shape: [1, 8, 8]", ids = "input_shape: [12]";
  const auto norm = with("cnn, channels: [8, 12], norm: group, groups: 4", pictures);
  ASSERT_TRUE(norm) << norm.error().message;
  EXPECT_EQ(norm->spec.model.options.at("groups"), OptionValue(std::int64_t{4}));
  EXPECT_THAT(refused("cnn, channels: [8, 12], norm: group", pictures),
              HasSubstr("8 does not divide the 12 channels"));
  EXPECT_TRUE(with("cnn, channels: [8, 12]", pictures)) << "without a norm there are no groups";
  EXPECT_TRUE(with("embedding_bag, vocabulary: 50", ids));
  for (const std::string& wrong :
       {pictures, ids + ", value_scale: 0.5", std::string("features: [age], label: sick")}) {
    EXPECT_THAT(refused("embedding_bag", wrong), HasSubstr("embedding_bag reads ids")) << wrong;
  }
}

TEST(JobFile, WordsOfClassesOfFilesAreNamedWithoutAColumn) {
  const auto with = [](const std::string& data) {
    return parse_job("name: j\nmodel: logistic\ndata: {dataset: d, input_shape: [1, 8, 8], " +
                         data + "}\ntrain: {epochs: 1}\nrounds: {count: 1, minimum_sites: 1}\n",
                     "job.yaml");
  };
  const auto file = with("task: classes, label: {values: [well, ill, dead]}");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(file->spec.data.label_values, testing::ElementsAre("well", "ill", "dead"));
  EXPECT_EQ(file->spec.data.classes, 3);
  EXPECT_TRUE(with("label: {values: [well, ill]}"));
  EXPECT_THAT(with("label: {values: [a, b, c]}").error().message, HasSubstr("exactly two"));
  EXPECT_THAT(with("task: regression, label: {values: [a, b]}").error().message,
              HasSubstr("no classes"));
  EXPECT_FALSE(with("label: sick")) << "arrays have no columns";
}

// What of the data follows from the task and the model, and which models do not go with it.
TEST(JobFile, ReadsTasksWithSeveralLabelsARowAndWithNone) {
  const auto with = [](const std::string& model, const std::string& data) {
    return parse_job("name: j\nmodel: {family: " + model + "}\ndata: {dataset: d, " + data +
                         "}\ntrain: {optimizer: sgd}\nrounds: {count: 2}\n",
                     "job.yaml");
  };
  const auto refused = [&](const std::string& model, const std::string& data) {
    const auto file = with(model, data);
    return file ? std::string("it was taken") : file.error().message;
  };
  using Sizes = std::vector<std::int64_t>;
  const std::string pictures = "task: segmentation, classes: 3, input_shape: [1, 16, 8]";
  const auto unet = with("unet, channels: [4, 8]", pictures);
  ASSERT_TRUE(unet) << unet.error().message;
  EXPECT_EQ(unet->spec.data.target, TargetKind::kSegmentation);
  EXPECT_EQ(unet->spec.data.target_shape, (Sizes{16, 8}));
  EXPECT_EQ(unet->spec.data.classes, 3);
  const auto text = with("transformer, vocabulary: 50", "task: tokens, input_shape: [12]");
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(text->spec.data.classes, 50) << "the model's vocabulary";
  EXPECT_EQ(text->spec.data.target_shape, (Sizes{12}));
  const auto tags = with("rnn, vocabulary: 50", "task: tokens, classes: 9, input_shape: [12]");
  ASSERT_TRUE(tags) << tags.error().message;
  EXPECT_EQ(tags->spec.data.classes, 9);
  const auto translation =
      with("translator, vocabulary: 50, source_length: 8", "task: tokens, input_shape: [20]");
  ASSERT_TRUE(translation) << translation.error().message;
  EXPECT_EQ(translation->spec.data.target_shape, (Sizes{12}));
  const auto none = with("autoencoder", "task: unlabelled, features: [age, weight]");
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_EQ(none->spec.data.label, "");
  const auto several = with("rnn", "task: regression, input_shape: [9, 2], target_shape: [3, 2]");
  ASSERT_TRUE(several) << several.error().message;
  EXPECT_EQ(several->spec.data.target_shape, (Sizes{3, 2}));

  EXPECT_THAT(refused("unet", "task: segmentation, classes: 2, input_shape: [1, 12, 12]"),
              HasSubstr("divisible by 8"));
  EXPECT_THAT(refused("cnn", pictures), HasSubstr("segmentation is for unet"));
  EXPECT_THAT(refused("unet", "task: binary, input_shape: [1, 16, 16]"),
              HasSubstr("unet needs data.task: segmentation"));
  EXPECT_THAT(refused("mlp", "task: tokens, classes: 5, input_shape: [12]"),
              HasSubstr("tokens is for rnn, transformer, translator"));
  EXPECT_THAT(refused("rnn", "task: tokens, input_shape: [12, 3]"),
              HasSubstr("needs classes, or a model with a vocabulary"));
  EXPECT_THAT(refused("rnn, vocabulary: 9, bidirectional: true", "task: tokens, input_shape: [12]"),
              HasSubstr("bidirectional"));
  EXPECT_THAT(refused("rnn", "task: binary, input_shape: [12]"), HasSubstr("[steps, features]"));
  EXPECT_THAT(refused("transformer, width: 10", "task: binary, input_shape: [12, 2]"),
              HasSubstr("heads: 4 does not divide width: 10"));
  EXPECT_THAT(refused("translator, source_length: 20", "task: tokens, input_shape: [20]"),
              HasSubstr("leaves no place"));
  EXPECT_THAT(refused("vae", "task: binary, input_shape: [20]"),
              HasSubstr("needs data.task: unlabelled"));
  EXPECT_THAT(refused("mlp", "task: classes, classes: 2, input_shape: [4], target_shape: [2]"),
              HasSubstr("is for task: regression of arrays"));
  EXPECT_THAT(refused("unet", "task: segmentation, classes: 2, input_shape: [64, 64]"),
              HasSubstr("segmentation needs input_shape: [channels, height, width]"));
  EXPECT_THAT(refused("unet", "task: segmentation, classes: 2, input_shape: [1, 4096, 4096]"),
              HasSubstr("more than 4194304 labels"));
}

TEST(JobFile, ReadsARuleAndWhatGoesBeforeIt) {
  const auto file = parse_job(
      replaced(replaced(kGood, "aggregate:\n",
                        "aggregate:\n  before: {name: nearest_neighbour_mixing, byzantine: 2}\n"
                        "  rule: {name: krum, byzantine: 2}\n"),
               "quorum: 2", "quorum: 7"),
      "job.yaml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->spec.aggregation.rule.name, "krum");
  EXPECT_EQ(file->spec.aggregation.before.options.at("byzantine"), OptionValue(std::int64_t{2}));
  EXPECT_EQ(parse_job(kGood, "job.yaml")->spec.aggregation.before.name, "none");
}

// What the rule needs, and what of `rounds` does not go with it.
TEST(JobFile, RefusesRulesThatTheRoundsCannotServe) {
  const auto fault = [](const std::string& aggregate, const std::string& rounds) {
    const auto file =
        parse_job(replaced(replaced(kGood, "aggregate:\n", "aggregate:\n" + aggregate),
                           "minimum_sites: 3, quorum: 2", rounds),
                  "job.yaml");
    return file ? std::string() : file.error().message;
  };
  EXPECT_EQ(fault("  rule: krum\n", "minimum_sites: 5"), "");
  EXPECT_THAT(
      fault("  rule: krum\n", "minimum_sites: 4"),
      HasSubstr("rounds.minimum_sites: lets 4 updates be enough, and krum with byzantine: 1 "
                "needs at least 5"));
  EXPECT_THAT(fault("  rule: {name: bulyan, byzantine: 2}\n", "target: 20, quorum: 10"),
              HasSubstr("rounds.quorum: lets 10 updates be enough, and bulyan with byzantine: 2 "
                        "needs at least 11"));
  EXPECT_THAT(
      fault("  rule: trimmed_mean\n  before: {name: bucketing, size: 3}\n", "target: 6"),
      HasSubstr("rounds.target: lets 6 updates be enough, and trimmed_mean with byzantine: 1 "
                "after buckets of 3 needs at least 7"));
  EXPECT_EQ(fault("  rule: trimmed_mean\n  before: {name: bucketing, size: 3}\n", "target: 7"), "");
  EXPECT_THAT(fault("  rule: median\n  before: {name: nearest_neighbour_mixing, byzantine: 2}\n",
                    "minimum_sites: 3"),
              HasSubstr("nearest_neighbour_mixing with byzantine: 2 needs at least 5"));
  EXPECT_THAT(fault("  rule: median\n", "late: carry"), HasSubstr("rounds.late: lets late"));
  EXPECT_THAT(fault("  rule: median\n", "mode: async, target: 3"), HasSubstr("rounds.mode: "));
  EXPECT_THAT(fault("  before: bucketing\n", "minimum_sites: 3"),
              HasSubstr("weighted_mean adds each when it comes"));
  EXPECT_THAT(fault("  rule: median\n", "minimum_sites: 600"), HasSubstr("more than 512"));
  EXPECT_THAT(fault("  rule: {name: krum, byzantine: 300}\n", "minimum_sites: 5"),
              HasSubstr("255"));
  EXPECT_THAT(fault("  rule: meadian\n", "minimum_sites: 5"), HasSubstr("did you mean 'median'"));
}

const std::string kPrivacy =
    "privacy:\n  sites: {clip: 0.5, noise_multiplier: 1.5, delta: 1e-6, max_epsilon: 8}\n";

// As kGood, with what it takes to hide whole sites.
std::string hiding_sites(const std::string& privacy = kPrivacy) {
  return replaced(replaced(kGood, "missing: mean", "missing: mean\n  standardize: site"),
                  "quorum: 2", "target: 30") +
         privacy;
}

TEST(JobFile, ReadsWhatIsPromisedToSites) {
  const auto file = parse_job(hiding_sites(), "job.yaml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->spec.privacy.sites,
            (SitePrivacy{SiteMechanism::kGaussian, 0.5, 1.5, 1e-6, 8, 0, {}}));
  const auto adaptive =
      parse_job(hiding_sites(replaced(kPrivacy, "max_epsilon: 8",
                                      "max_epsilon: 8, adaptive_clip: {rate: 0.3}")),
                "job.yaml");
  ASSERT_TRUE(adaptive) << adaptive.error().message;
  EXPECT_EQ(adaptive->spec.privacy.sites->adaptive, (AdaptiveClip{0.5, 0.3, 1.5}))
      << "the noise on the count: a twentieth of the target";
}

// What would make the promise another one, and what to write instead.
TEST(JobFile, RefusesWhatCannotBePromisedToSites) {
  const auto fault = [](const std::string& what, const std::string& by) {
    const auto file = parse_job(replaced(hiding_sites(), what, by), "job.yaml");
    return file ? std::string() : file.error().message;
  };
  EXPECT_EQ(fault("clip: 0.5", "clip: 0.25"), "");
  EXPECT_THAT(fault("target: 30", "quorum: 2"),
              HasSubstr("rounds.target: privacy.sites divides each sum by it"));
  EXPECT_THAT(fault("target: 30", "target: 30, late: carry"),
              HasSubstr("use mode: sync and late: discard"));
  EXPECT_THAT(fault("target: 30", "target: 30, mode: async"), HasSubstr("rounds.mode: "));
  EXPECT_THAT(fault("aggregate:\n", "aggregate:\n  rule: median\n"),
              HasSubstr("aggregate.rule: median gives no sum of updates"));
  EXPECT_THAT(fault("{name: fedprox, mu: 0.1}", "feddyn"),
              HasSubstr("train.algorithm: feddyn sends more than an update"));
  EXPECT_THAT(fault("standardize: site", "standardize: federated"),
              HasSubstr("data.standardize: federated takes the sites"));
  EXPECT_THAT(fault(", values: [f, m], drop_first: true", ""),
              HasSubstr("write them as its values"));
  EXPECT_THAT(fault("noise_multiplier: 1.5", "noise_multiplier: 0.001"),
              HasSubstr("privacy.sites.noise_multiplier"));
  EXPECT_THAT(fault("max_epsilon: 8", "max_epsilon: 8, adaptive_clip: {count_noise: 0.75}"),
              HasSubstr("count_noise: must be above half of noise_multiplier"));
  EXPECT_THAT(fault("max_epsilon: 8", "max_epsilon: 0"), HasSubstr("privacy.sites.max_epsilon"));
  EXPECT_THAT(fault("privacy:\n", "privacy:\n  secure_aggregation: {clip: 1}\n"),
              HasSubstr("privacy.secure_aggregation.clip: must be that of privacy.sites"));
  EXPECT_THAT(fault("privacy:\n", "privacy:\n  secure_aggregation: {group_size: 5}\n"),
              HasSubstr("privacy.secure_aggregation.group_size: gives each group's sum"));
}

// Each site adds its part of the noise then: one clip for both.
TEST(JobFile, HidesSitesInSumsThatNobodySeesThePartsOf) {
  for (const char* clip : {"", "clip: 0.5"}) {
    const auto file =
        parse_job(hiding_sites(kPrivacy + "  secure_aggregation: {" + clip + "}\n"), "job.yaml");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->spec.privacy.secure_aggregation,
              (SecureAggregation{.clip = 0.5, .range = 0.5}));
    EXPECT_TRUE(file->spec.privacy.sites);
  }
}

TEST(JobFile, ReadsNoiseOfSumsOverRounds) {
  const auto with = [](const std::string& what, const std::string& by) {
    return parse_job(hiding_sites(replaced(kPrivacy, what, by)), "job.yaml");
  };
  const std::string passes = "clip: 0.5, mechanism: tree, rounds_per_pass: 8";
  const auto file = with("clip: 0.5", passes);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->spec.privacy.sites,
            (SitePrivacy{SiteMechanism::kTree, 0.5, 1.5, 1e-6, 8, 8, {}}));
  const auto fault = [&](const std::string& what, const std::string& by) {
    const auto refused = with(what, by);
    return refused ? std::string() : refused.error().message;
  };
  EXPECT_THAT(fault("clip: 0.5", "clip: 0.5, mechanism: tree"),
              HasSubstr("privacy.sites.rounds_per_pass"));
  for (const char* out_of_range : {"1", "65537"})
    EXPECT_THAT(fault("clip: 0.5",
                      "clip: 0.5, mechanism: tree, rounds_per_pass: " + std::string(out_of_range)),
                HasSubstr("privacy.sites.rounds_per_pass"));
  EXPECT_EQ(fault("clip: 0.5", "clip: 0.5, mechanism: tree, rounds_per_pass: 65536"), "");
  EXPECT_THAT(fault("clip: 0.5", "clip: 0.5, rounds_per_pass: 8"),
              HasSubstr("privacy.sites.rounds_per_pass: is of noise of sums over rounds"));
  EXPECT_THAT(fault("clip: 0.5", passes + ", adaptive_clip: {count_noise: 9}"),
              HasSubstr("privacy.sites.adaptive_clip: changes the size of the noise"));
  std::string secret = replaced(kPrivacy, "clip: 0.5", passes);
  secret = replaced(secret, "privacy:\n", "privacy:\n  secure_aggregation: {}\n");
  const auto refused = parse_job(hiding_sites(secret), "job.yaml");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("privacy.sites.mechanism: tree is noise of the coordinator over rounds"));
  // Thirty in each of eight rounds, and these are all that may come.
  const std::string named = replaced(hiding_sites(replaced(kPrivacy, "clip: 0.5", passes)),
                                     "target: 30", "target: 2, sites: [a, b, c]");
  const auto few = parse_job(named, "job.yaml");
  ASSERT_FALSE(few);
  EXPECT_THAT(few.error().message, HasSubstr("rounds.sites: names 3, and a pass of privacy.sites "
                                             "takes 16 sites"));
}

constexpr const char* kCopula = R"(name: made
model: copula
data:
  dataset: d
  task: unlabelled
  features: [age, {name: ill, type: categorical, values: [n, y]}]
train: {optimizer: {name: sgd, learning_rate: 1}, batch_size: 0}
rounds: {count: 2}
)";

TEST(JobFile, ACopulaIsMadeOfMeansInOneStep) {
  const auto file = parse_job(kCopula, "job.yaml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->spec.data.target, TargetKind::kUnlabelled);
  EXPECT_EQ(file->spec.data.label, "");
  EXPECT_EQ(file->spec.train.objective.name, "statistics");
  const auto refused = [](const std::string& what, const std::string& by) {
    const auto wrong = parse_job(replaced(kCopula, what, by), "job.yaml");
    return wrong ? std::string("not refused") : wrong.error().message;
  };
  EXPECT_THAT(refused("learning_rate: 1}", "learning_rate: 0.5}"), HasSubstr("learning_rate: 1"));
  EXPECT_THAT(refused("name: sgd", "name: adam"), HasSubstr("learning_rate: 1"));
  EXPECT_THAT(refused("batch_size: 0", "batch_size: 32"), HasSubstr("batch_size: 0"));
  EXPECT_THAT(refused("batch_size: 0", "batch_size: 0, epochs: 2"), HasSubstr("epochs: 1"));
  EXPECT_THAT(refused("train: {", "train: {algorithm: fedprox, "), HasSubstr("wants fedavg"));
  EXPECT_THAT(refused("values: [n, y]", "values: [n, y], drop_first: true"),
              HasSubstr("'ill' has drop_first"));
  EXPECT_THAT(refused("  task: unlabelled\n", "  task: binary\n  label: age2\n"),
              HasSubstr("use task: unlabelled"));
}

TEST(JobFile, ReadsArrays) {
  const auto file = parse_job(R"(name: mnist
model: {family: cnn, channels: [32, 64], kernel: 5, dense: [512]}
data: {dataset: digits, task: classes, classes: 10, input_shape: [1, 28, 28], value_scale: 1/255}
train: {optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 5}
)",
                              "job.yaml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->spec.data.value_scale, 1.0 / 255.0);
  EXPECT_EQ(file->spec.data.standardize, Standardize::kNone);
  EXPECT_EQ(file->spec.data.classes, 10);
}

struct Wrong {
  const char* what;
  const char* by;
  const char* said;
};

class JobFileFaults : public testing::TestWithParam<Wrong> {};

TEST_P(JobFileFaults, AreNamedWithPlaceAndHelp) {
  const auto file = parse_job(replaced(kGood, GetParam().what, GetParam().by), "job.yaml");
  ASSERT_FALSE(file) << GetParam().by;
  EXPECT_EQ(file.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(file.error().message, HasSubstr(GetParam().said));
  EXPECT_THAT(file.error().message, HasSubstr("job.yaml"));
}

INSTANTIATE_TEST_SUITE_P(
    All, JobFileFaults,
    testing::Values(
        Wrong{"seed: 7", "sed: 7", "did you mean 'seed'"},
        Wrong{"seed: 7", "seed: seven", "job.yaml:2"}, Wrong{"seed: 7", "seed: -1", "seed"},
        Wrong{"name: heart", "name: my heart", "name"},
        Wrong{"family: mlp", "family: mpl", "did you mean 'mlp'"},
        Wrong{"hidden: [16, 8]", "hiden: [16, 8]", "did you mean 'hidden'"},
        Wrong{"hidden: [16, 8]", "hidden: [16, 0]", "job.yaml:3"},
        Wrong{"learning_rate: 1e-2", "learning_rte: 1e-2", "did you mean 'learning_rate'"},
        Wrong{"learning_rate: 1e-2", "learning_rate: 0", "learning_rate"},
        Wrong{"deadline: 90s", "deadline: 90", "deadline"},
        Wrong{"quorum: 2", "quorum: 2, target: 1", "above target"},
        Wrong{"quorum: 2", "over_selection: 1.5", "needs a target"},
        Wrong{"quorum: 2", "target: 4, fraction: 0.5", "follows from target"},
        Wrong{"quorum: 2", "mode: async", "mode: async needs it"},
        Wrong{"quorum: 2", "mode: async, target: 2, late: carry", "is for mode: sync"},
        Wrong{"quorum: 2", "staleness: {max: 3}", "is for late: carry"},
        Wrong{"quorum: 2", "late: carry, staleness: {max: 0}", "late: discard"},
        Wrong{"quorum: 2", "mode: async, target: 2, fraction: 0.5", "is concurrency"},
        Wrong{"quorum: 2", "late: carry, staleness: {slope: 2}", "is for weight: hinge"},
        Wrong{"quorum: 2", "target: 5, sites: [a, b, c]", "more than the 3 sites named"},
        Wrong{"quorum: 2", "sites: [a, b, a]", "'a' stands twice"},
        Wrong{"quorum: 2", "adaptive_deadline: {minimum: 5m}", "is above rounds.deadline"},
        Wrong{"best_by: auc", "best_of: worst_site, fraction: 0.5", "of other sites"},
        Wrong{"every: 2", "every: 0, early_stop: {patience: 2}", "needs evaluations"},
        Wrong{"quorum: 2", "quorum: two", "quorum"}, Wrong{"- age", "- num", "also a feature"},
        Wrong{"- age", "- sex", "stands twice"},
        Wrong{"best_by: auc", "best_by: auk", "did you mean 'auc'"},
        Wrong{"best_by: auc", "best_by: r2", "r2 is for task: regression"},
        Wrong{"best_by: auc", "best_by: auc_error", "best_by"},
        Wrong{"best_by: auc", "best_by: auc, written_rows: 5", "is for task: tokens"},
        Wrong{"label: {column: num, positive_above: 0}", "label: {colum: num}",
              "did you mean 'column'"},
        Wrong{"missing: mean", "missing: average", "missing"},
        Wrong{"name: pressure", "{name: pressure", "job.yaml"},
        Wrong{"  features:", "  input_shape: [3]\n  features:", "only one of the two"},
        Wrong{"missing: mean", "standardize: constants", "has no mean and deviation"},
        Wrong{"values: [f, m]", "values: [f, '']", "data.features[1].values: a word is empty"},
        Wrong{"values: [f, m]", "values: [f, f]", "'f' stands twice"},
        Wrong{"values: [f, m]",
              "values: [f, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]",
              "data.features[1].values: 'aaaaaaaaaaaaaaaaaaaa"},
        Wrong{"positive_above: 0", "values: [no, no]", "'no' stands twice"},
        Wrong{"name: momentum, beta: 0.5", "name: yoga", "did you mean 'yogi'"},
        Wrong{"name: momentum, beta: 0.5", "name: adam, beta: 0.5", "did you mean 'beta1'"},
        Wrong{"name: momentum, beta: 0.5", "name: adam, beta2: 1", "job.yaml:18"},
        Wrong{"name: momentum, beta: 0.5", "name: adagrad, tau: 0", "server_optimizer.tau"},
        Wrong{"name: cosine, warmup: 5", "name: cosin, warmup: 5", "did you mean 'cosine'"},
        Wrong{"warmup: 5", "warm_up: 5", "did you mean 'warmup'"},
        Wrong{"warmup: 5, minimum: 0.1", "minimum: 1", "job.yaml:19"},
        Wrong{"warmup: 5", "warmup: 20", "schedule.warmup: is not below rounds.count (20)"},
        Wrong{"name: cosine, warmup: 5", "name: step, every: 0", "schedule.every"},
        Wrong{"epochs: 2", "loss: mse", "train.loss: data.task wants auto or bce"},
        Wrong{"epochs: 2", "keep_local: ['']", "train.keep_local: a pattern is empty"},
        Wrong{"epochs: 2", "personal: {lamda: 1}", "did you mean 'lambda'"},
        Wrong{"- age", "- heart rate: numeric", "write {name: heart rate, type: numeric}"}));

// A job with a client algorithm and one more choice, each in a section of its own.
std::string mixed(const std::string& algorithm, const std::string& train,
                  const std::string& aggregate, const std::string& rounds) {
  return "name: j\nmodel: logistic\ndata: {dataset: d, features: [a], label: b}\n"
         "train: {algorithm: " +
         algorithm + train + "}\naggregate: {" + aggregate + "}\nrounds: {count: 3" + rounds +
         "}\n";
}

TEST(JobFile, AnAlgorithmRefusesWhatItIsNotDefinedFor) {
  const auto fault_of = [](const std::string& text) {
    const auto file = parse_job(text, "job.yaml");
    return file ? std::string() : file.error().message;
  };
  for (const char* algorithm : {"scaffold", "fednova", "feddyn"}) {
    SCOPED_TRACE(algorithm);
    const std::string named = std::string("train.algorithm: ") + algorithm;
    EXPECT_EQ(fault_of(mixed(algorithm, "", "server_optimizer: adam", "")), "");
    const std::string median = fault_of(mixed(algorithm, "", "rule: median", ""));
    EXPECT_THAT(median,
                HasSubstr("aggregate.rule: median gives no mean of the updates, and " + named));
    EXPECT_THAT(fault_of(mixed(algorithm, "", "", ", late: carry")),
                HasSubstr("rounds.late: lets"));
    EXPECT_THAT(fault_of(mixed(algorithm, "", "", ", mode: async, target: 2")), HasSubstr(named));
    const bool any_step = std::string(algorithm) == "feddyn";
    const std::string adam = fault_of(mixed(algorithm, ", optimizer: adam", "", ""));
    const std::string int8 = fault_of(mixed(algorithm, ", encoding: int8", "", ""));
    if (any_step) {
      EXPECT_EQ(adam + int8, "");
      continue;
    }
    EXPECT_THAT(adam, HasSubstr("train.optimizer: adam makes steps that " + named));
    EXPECT_THAT(int8, HasSubstr("train.encoding: int8 would round what " + named));
  }
  EXPECT_EQ(fault_of(mixed("fedprox", ", optimizer: adam", "rule: median", "")), "");
}

TEST(JobFile, ReadsHowModelsAreSent) {
  const auto parse = [](const std::string& algorithm, const std::string& train) {
    return parse_job(mixed(algorithm, train, "", ""), "job.yaml");
  };
  const auto plain = parse("fedavg", "");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->spec.train.download_encoding.name, "fp32");
  const auto file =
      parse("fedavg", ", encoding: top_k, download_encoding: {name: int8, block: 64, zstd: 3}");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->spec.train.encoding.name, "top_k");
  EXPECT_EQ(encoding_choice(file->spec.train.download_encoding),
            (EncodingChoice{.name = "int8", .block = 64, .zstd = 3}));
  for (const char* algorithm : {"fedprox", "fednova", "feddyn"})
    EXPECT_TRUE(parse(algorithm, ", download_encoding: int8")) << algorithm;
  EXPECT_TRUE(parse("scaffold", ", download_encoding: fp32"));
  for (const auto& [algorithm, train, fault] :
       {std::tuple("scaffold", ", download_encoding: int8",
                   "train.download_encoding: int8 makes deltas of the model"),
        std::tuple("fedavg", ", download_encoding: int9", "did you mean 'int8'"),
        std::tuple("fedavg", ", download_encoding: {name: int8, block: 100}",
                   "train.download_encoding: block must be a power of two")}) {
    const auto wrong = parse(algorithm, train);
    ASSERT_FALSE(wrong) << train;
    EXPECT_THAT(wrong.error().message, HasSubstr(fault));
  }
}

TEST(JobFile, ARootIsAnEvaluatorBesideTheSites) {
  const auto parsed = [](const std::string& aggregate, const std::string& rounds) {
    return parse_job(mixed("fedavg", "", aggregate, rounds), "job.yaml");
  };
  const auto fault_of = [&](const std::string& aggregate, const std::string& rounds) {
    const auto file = parsed(aggregate, rounds);
    return file ? std::string() : file.error().message;
  };
  const std::string rule = "rule: {name: fltrust, root: lab}";
  const auto file = parsed(rule, ", minimum_sites: 1, sites: [a, b]");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->spec.aggregation.root(), SiteName{"lab"});
  EXPECT_EQ(parsed("rule: krum", ", minimum_sites: 5")->spec.aggregation.root(), std::nullopt);
  EXPECT_THAT(fault_of("rule: fltrust", ""), HasSubstr("fltrust needs the option 'root'"));
  EXPECT_THAT(fault_of("rule: {name: fltrust}", ""), HasSubstr("aggregate.rule.root"));
  EXPECT_THAT(fault_of("rule: {name: fltrust, root: the lab}", ""),
              HasSubstr("aggregate.rule.root: 'the lab' is no name of an evaluator"));
  EXPECT_THAT(fault_of(rule, ", sites: [a, lab, b]"),
              HasSubstr("rounds.sites: 'lab' is the root of aggregate.rule: fltrust"));
  EXPECT_THAT(fault_of("before: bucketing, " + rule, ", minimum_sites: 9"),
              HasSubstr("aggregate.before: bucketing mixes the root's update"));
  EXPECT_THAT(fault_of(rule, ", late: carry"), HasSubstr("rounds.late: lets"));
  EXPECT_THAT(fault_of(rule, ", mode: async, target: 2"), HasSubstr("rounds.mode: lets"));
  EXPECT_EQ(fault_of(rule, ", minimum_sites: 511"), "");
  EXPECT_THAT(fault_of(rule, ", minimum_sites: 512"), HasSubstr("more than 512 updates"));
  EXPECT_THAT(parse_job(mixed("scaffold", "", rule, ""), "job.yaml").error().message,
              HasSubstr("fltrust gives no mean of the updates"));
}

TEST(JobFile, ReadsWhatStaysAtTheSite) {
  const auto file = parse_job(
      mixed("scaffold", ", keep_local: [\"bn*.*\", head.bias], personal: {lambda: 0.5}", "", ""),
      "job.yaml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->spec.train.keep_local, (std::vector<std::string>{"bn*.*", "head.bias"}));
  ASSERT_TRUE(file->spec.train.personal);
  EXPECT_EQ(file->spec.train.personal->lambda, 0.5);
  EXPECT_EQ(file->spec.aggregation.algorithm.name, "scaffold");
  const auto judged = parse_job(
      mixed("fedavg", ", keep_local: [a]", "", "") + "evaluate: {by: evaluators}\n", "job.yaml");
  ASSERT_FALSE(judged);
  EXPECT_THAT(judged.error().message,
              HasSubstr("evaluate.by: evaluators have none of the tensors"));
}

TEST(JobFile, TellsAllFaultsAtOnce) {
  const auto file = parse_job(
      replaced(replaced(kGood, "seed: 7", "sed: 7"), "quorum: 2", "qorum: 2"), "job.yaml");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("'seed'"));
  EXPECT_THAT(file.error().message, HasSubstr("'quorum'"));
}

// What only follows from a misspelt key is no fault of its own.
TEST(JobFile, AMisspeltKeyIsOneFault) {
  for (const auto& [what, by] :
       {std::pair("  features:", "  fetures:"), std::pair("  label:", "  lable:"),
        std::pair("rounds:", "ronds:"), std::pair("- age", "- heart rate: numeric")}) {
    const auto file = parse_job(replaced(kGood, what, by), "job.yaml");
    ASSERT_FALSE(file) << by;
    EXPECT_THAT(file.error().message, testing::Not(HasSubstr("\n"))) << by;
  }
  // The classes are read only beside the task.
  const auto file = parse_job(replaced(kGood, "label: {column: num, positive_above: 0}",
                                       "tsk: classes\n  classes: 5\n  label: num"),
                              "job.yaml");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("did you mean 'task'"));
  EXPECT_THAT(file.error().message, testing::Not(HasSubstr("\n")));
}

TEST(JobFile, RefusesWhatIsNoMap) {
  EXPECT_FALSE(parse_job("", "job.yaml"));
  EXPECT_FALSE(parse_job("- a\n- b\n", "job.yaml"));
  EXPECT_FALSE(parse_job("name: [unclosed", "job.yaml"));
  EXPECT_FALSE(parse_job(std::string(300'000, 'a'), "job.yaml"));
}

}  // namespace
}  // namespace tributary
