// SPDX-License-Identifier: Apache-2.0
#include "common/config/job_file.h"

#include "common/base/limits.h"
#include "common/config/catalog.h"
#include "common/config/file_kind.h"
#include "common/config/job_sections.h"

namespace tributary {
namespace {

// What a site would refuse although each section is right by itself.
void check_together(Section& root, const JobSpec& spec) {
  if (spec.model.name == "cnn" && spec.data.input_shape.size() != 3) {
    root.fault("model", "cnn needs data.input_shape of three sizes: [channels, height, width]");
  }
  const TargetKind target = spec.data.target;
  const std::string loss = target == TargetKind::kBinary    ? "bce"
                           : target == TargetKind::kClasses ? "cross_entropy"
                                                            : "mse";
  if (spec.train.loss != "auto" && spec.train.loss != loss) {
    root.section("train", Section::Need::kRequired)
        .fault("loss", "data.task wants auto or " + loss);
  }
  if (std::get<std::int64_t>(spec.aggregation.schedule.options.at("warmup")) >=
      std::int64_t{spec.rounds.rounds}) {
    root.section("aggregate", Section::Need::kRequired)
        .section("schedule", Section::Need::kRequired)
        .fault("warmup", "is not below rounds.count (" + std::to_string(spec.rounds.rounds) +
                             "): no round would be left for the full learning rate");
  }
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
  spec.train = read_train(root);
  spec.aggregation = read_aggregate(root);
  spec.rounds = read_rounds(root);
  spec.aggregation.planned_rounds = spec.rounds.rounds;
  spec.evaluation = read_evaluate(root, spec.data, spec.rounds);
  TRIB_CHECK_OK(document->finish());
  check_together(root, spec);
  TRIB_CHECK_OK(document->finish());
  if (spec.model.name == "torchscript")
    file.model_path = std::get<std::string>(spec.model.options.at("file"));
  return file;
}

}  // namespace tributary
