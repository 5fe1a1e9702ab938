// SPDX-License-Identifier: Apache-2.0
#include "common/config/job_file.h"

#include <algorithm>
#include <utility>

#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/config/catalog.h"
#include "common/config/encoding_choice.h"
#include "common/config/file_kind.h"
#include "common/config/job_sections.h"
#include "common/domain/task.h"
#include "common/tensor/companions.h"
#include "common/tensor/model_delta.h"

namespace tributary {
namespace {

const PluginSchema& schema_of(const std::vector<PluginSchema>& known, const std::string& name) {
  return *std::ranges::find(known, name, &PluginSchema::name);
}

// Updates with which a round may close, a root's among them.
std::int64_t least_updates(const JobSpec& spec) {
  const std::int64_t of_sites = least_sites_of(spec.rounds);
  // Of groups that nobody sees the sites of, each is an update.
  const auto& secure = spec.privacy.secure_aggregation;
  if (secure && secure->group_size > 0)
    return std::max<std::int64_t>(1, of_sites / secure->group_size);
  return of_sites + (spec.aggregation.root() ? 1 : 0);
}

// How many updates a plug-in wants at least, and the fault where a round may close with fewer.
void check_enough(Section& rounds, const JobSpec& spec, const PluginSchema& plugin,
                  const PluginChoice& choice, std::int64_t in_a_bucket) {
  std::string with;
  std::int64_t wanted = plugin.updates.beside;
  if (plugin.updates.for_each > 0) {
    const auto byzantine = std::get<std::int64_t>(choice.options.at("byzantine"));
    with = " with byzantine: " + std::to_string(byzantine);
    wanted += plugin.updates.for_each * byzantine;
  }
  wanted = (wanted - 1) * in_a_bucket + 1;
  const auto& secure = spec.privacy.secure_aggregation;
  const bool grouped = secure && secure->group_size > 0;
  if (grouped) wanted = std::max<std::int64_t>(wanted, 2);  // one alone is compared with nothing
  const std::int64_t least = least_updates(spec);
  if (least >= wanted) return;
  if (in_a_bucket > 1) with += " after buckets of " + std::to_string(in_a_bucket);
  rounds.fault(quorum_key(spec.rounds), "lets " + std::to_string(least) +
                                            (grouped ? " groups" : " updates") +
                                            " be enough, and " + choice.name + with +
                                            " needs at least " + std::to_string(wanted));
}

// A rule that holds updates against that of an evaluator wants it as it came, from nobody who is
// also one of the sites.
void check_root(Section& root, const JobSpec& spec) {
  const std::optional<SiteName> name = spec.aggregation.root();
  if (!name) return;
  Section aggregate = root.section("aggregate", Section::Need::kRequired);
  const std::string& rule = spec.aggregation.rule.name;
  if (!is_valid_name(name->value)) {
    aggregate.section("rule", Section::Need::kRequired)
        .fault("root", quoted(name->value) + " is no name of an evaluator");
  }
  if (spec.aggregation.before.name != "none") {
    aggregate.fault("before", spec.aggregation.before.name +
                                  " mixes the root's update with the others, and rule: " + rule +
                                  " holds them against it; use before: none");
  }
  if (std::ranges::find(spec.rounds.sites, name->value) != spec.rounds.sites.end()) {
    root.section("rounds", Section::Need::kRequired)
        .fault("sites", quoted(name->value) + " is the root of aggregate.rule: " + rule +
                            ", which trains beside the sites and is none; leave it out here");
  }
}

// A rule that sees all updates together wants so many of them, and all in time.
void check_rule(Section& root, const JobSpec& spec) {
  const AggregationSpec& aggregation = spec.aggregation;
  const PluginSchema& rule = schema_of(aggregation_rules(), aggregation.rule.name);
  const PluginSchema& before = schema_of(pre_aggregators(), aggregation.before.name);
  if (!rule.updates.together) {
    if (before.updates.together) {
      root.section("aggregate", Section::Need::kRequired)
          .fault("before", before.name + " sees all updates together, and rule: " + rule.name +
                               " adds each when it comes; choose another rule");
    }
    return;
  }
  Section rounds = root.section("rounds", Section::Need::kRequired);
  if (spec.rounds.carries_late()) {
    rounds.fault(spec.rounds.mode == RoundMode::kAsync ? "mode" : "late",
                 "lets late updates count for less, and aggregate.rule: " + rule.name +
                     " sees all updates of a round together; use rule: weighted_mean");
    return;
  }
  std::int64_t in_a_bucket = 1;
  if (before.name == "bucketing")
    in_a_bucket = std::get<std::int64_t>(aggregation.before.options.at("size"));
  check_enough(rounds, spec, before, aggregation.before, 1);
  check_enough(rounds, spec, rule, aggregation.rule, in_a_bucket);
  if (std::cmp_greater(least_updates(spec), kUpdatesTogetherMax)) {
    rounds.fault("minimum_sites", "a round has more than " + std::to_string(kUpdatesTogetherMax) +
                                      " updates, as many as aggregate.rule: " + rule.name +
                                      " sees together");
  }
}

// A client algorithm with a half at the server, against the other choices of the job.
void check_algorithm(Section& root, const JobSpec& spec) {
  const PluginSchema& algorithm = schema_of(client_algorithms(), spec.train.algorithm.name);
  const std::string named = "train.algorithm: " + algorithm.name;
  const AlgorithmNeeds& needs = algorithm.algorithm;
  Section train = root.section("train", Section::Need::kRequired);
  if (needs.sgd && spec.train.optimizer.name != "sgd") {
    train.fault("optimizer", spec.train.optimizer.name + " makes steps that " + named +
                                 " has no formula for; use optimizer: sgd");
  }
  if (needs.exact && spec.train.encoding.name != "fp32") {
    train.fault("encoding", spec.train.encoding.name + " would round what " + named +
                                " sends beside the update; use encoding: fp32");
  }
  if (!companions_of(algorithm.name).sent_tensors.empty() &&
      makes_deltas(encoding_choice(spec.train.download_encoding))) {
    train.fault("download_encoding", spec.train.download_encoding.name +
                                         " makes deltas of the model, and " + named +
                                         " sends more than the model; use download_encoding: fp32");
  }
  if (!needs.server) return;
  const std::string& rule = spec.aggregation.rule.name;
  if (schema_of(aggregation_rules(), rule).updates.together) {
    root.section("aggregate", Section::Need::kRequired)
        .fault("rule", rule + " gives no mean of the updates, and " + named +
                           " works on it; use rule: weighted_mean");
  }
  if (spec.rounds.carries_late()) {
    root.section("rounds", Section::Need::kRequired)
        .fault(spec.rounds.mode == RoundMode::kAsync ? "mode" : "late",
               "lets updates of earlier rounds count, and " + named +
                   " is defined for those of one round");
  }
}

// What a site would refuse although each section is right by itself.
void check_together(Section& root, const JobSpec& spec) {
  const TargetKind target = spec.data.target;
  const bool classes = target == TargetKind::kClasses || labels_places(target);
  const std::string loss = target == TargetKind::kBinary ? "bce"
                           : classes                     ? "cross_entropy"
                                                         : "mse";
  // Inputs between 0 and 1 may also be made from logits.
  const bool of_inputs = target == TargetKind::kUnlabelled && spec.train.loss == "bce" &&
                         spec.train.objective.name != "contrastive";
  if (spec.train.loss != "auto" && spec.train.loss != loss && !of_inputs) {
    root.section("train", Section::Need::kRequired)
        .fault("loss", "data.task wants auto or " + loss);
  }
  for (const auto& [section, schedule] : {std::pair{"aggregate", &spec.aggregation.schedule},
                                          std::pair{"train", &spec.train.schedule}}) {
    Section from = root.section(section, Section::Need::kOptional);
    if (from.present()) check_warmup(from, *schedule, spec.rounds.rounds);
  }
  if (!spec.train.keep_local.empty() && spec.evaluation.by_evaluators) {
    root.section("evaluate", Section::Need::kRequired)
        .fault("by",
               "evaluators have none of the tensors that train.keep_local leaves at the sites");
  }
  check_rule(root, spec);
  check_root(root, spec);
  check_algorithm(root, spec);
  check_train(root, spec);
  check_transfer(root, spec);
  check_objective(root, spec);
  check_privacy(root, spec);
}

}  // namespace

Result<JobFile> parse_job(const std::string& text, const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name, limits::kJobDocumentBytesMax));
  Section root = document->root();
  TRIB_CHECK_OK(refuse_other_kinds(FileKind::kJob, root, *document));
  JobFile file;
  JobSpec& spec = file.spec;
  spec.name = root.name("name");
  if (spec.name.size() > 48)
    root.fault("name", "at most 48 characters, so that the job's id fits too");
  spec.seed = static_cast<std::uint64_t>(root.integer("seed", {0}, 1));
  spec.priority = root.integer("priority", {-limits::kPriorityMax, limits::kPriorityMax}, 0);
  spec.model = read_plugin(root, "model", "family", model_families());
  spec.data = read_data(root);
  spec.transfer = read_transfer(root);
  spec.train = read_train(root, spec.data);
  spec.data.keep_unlabelled = spec.train.objective.name == "pseudo_labels";
  if (spec.model.name == "copula") spec.train.objective = {"statistics", {}};
  spec.aggregation = read_aggregate(root);
  spec.rounds = read_rounds(root);
  spec.aggregation.planned_rounds = spec.rounds.rounds;
  spec.aggregation.algorithm = spec.train.algorithm;
  spec.evaluation = read_evaluate(root, spec.data, spec.rounds);
  spec.privacy = read_privacy(root, spec.rounds);
  TRIB_CHECK_OK(document->finish());
  fit_model(root, spec);
  check_together(root, spec);
  TRIB_CHECK_OK(document->finish());
  if (spec.model.name == "torchscript")
    file.model_path = std::get<std::string>(spec.model.options.at("file"));
  if (spec.transfer.start)
    file.model_path = root.section("transfer", Section::Need::kRequired).text("start");
  return file;
}

}  // namespace tributary
