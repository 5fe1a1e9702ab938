// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/synthesize_command.h"

#include <algorithm>
#include <iostream>

#include "client/data/dataset.h"
#include "client/data/npz_file.h"
#include "client/learning/generator.h"
#include "client/learning/layers.h"
#include "client/learning/learner.h"
#include "client/synthetic/likeness.h"
#include "client/synthetic/made_table.h"
#include "client/synthetic/synthetic_report.h"
#include "client/synthetic/usefulness.h"
#include "client/work/record_budget.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/cli/named_file.h"
#include "common/config/client_file.h"
#include "common/config/job_file.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/safetensors_reader.h"

namespace tributary {
namespace {

constexpr const char* kInputs = "tributary.inputs";
constexpr const char* kJobFile = "tributary.job_file";

// What rows are made of, and what they mean.
struct Maker {
  JobSpec job;
  Model model;
  std::vector<InputColumn> inputs;  // empty: arrays
  std::vector<std::int64_t> input_shape;
};

Result<std::map<std::string, std::string>> metadata_of(const Bytes& file) {
  const auto read_at = [&file](std::uint64_t at, MutableByteView into) -> Status {
    if (at > file.size() || into.size() > file.size() - at)
      return make_error(ErrorCode::kDataLoss, "the file ends early");
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), into.size(), into.begin());
    return {};
  };
  TRIB_TRY(reader, SafetensorsReader::open(read_at, file.size()));
  return reader->metadata();
}

Result<Maker> read_maker(const SynthesizeOptions& options) {
  TRIB_TRY(bytes, read_named(options.model, limits::kBlobBytesMax));
  auto model = decode_safetensors(bytes);
  if (!model) return fault_of_named(options.model, std::move(model).error());
  auto metadata = metadata_of(bytes);
  if (!metadata) return fault_of_named(options.model, std::move(metadata).error());
  std::string document, named = options.job;
  if (named.empty()) {
    const auto found = metadata->find(kJobFile);
    if (found == metadata->end()) {
      return make_error(ErrorCode::kInvalidArgument,
                        "--job is missing, and " + options.model + " does not hold its job's file");
    }
    document = found->second;
    named = "the job file in " + options.model;
  } else {
    TRIB_TRY(text, read_named(options.job, limits::kJobDocumentBytesMax));
    document = std::string(as_text(text));
  }
  TRIB_TRY(file, parse_job(document, named));
  Maker maker{file.spec, std::move(*model), {}, file.spec.data.input_shape};
  if (!maker.input_shape.empty()) return maker;
  const auto inputs = metadata->find(kInputs);
  if (inputs == metadata->end()) {
    return make_error(ErrorCode::kInvalidArgument,
                      options.model +
                          " does not say what its inputs are: take the file that `tributaryctl "
                          "model get` or `tributary-simulate run --out` writes");
  }
  auto columns = inputs_of_metadata(inputs->second);
  if (!columns) return fault_of_named(options.model, std::move(columns).error());
  maker.inputs = std::move(*columns);
  maker.input_shape = {static_cast<std::int64_t>(maker.inputs.size())};
  return maker;
}

Status write_rows(const SynthesizeOptions& options, const Maker& maker, const ExampleSet& made) {
  if (maker.inputs.empty()) {
    if (!options.whole.empty())
      return make_error(ErrorCode::kInvalidArgument, "--whole is for columns of a table");
    TRIB_TRY(file, npz_of(made, maker.job.data.value_scale));
    return write_named(options.out, file);
  }
  const TableOptions table{{options.whole.begin(), options.whole.end()}};
  TRIB_TRY(csv, csv_of(made, maker.job.data, maker.inputs, table));
  return write_named(options.out, as_bytes(csv));
}

Result<SiteExamples> real_rows(const SynthesizeOptions& options, const std::string& config_path,
                               const Maker& maker) {
  if (config_path.empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "--real needs --config: the site's client.yaml, which says where it is");
  }
  TRIB_TRY(text, read_named(config_path, limits::kConfigBytesMax));
  TRIB_TRY(datasets, parse_datasets(std::string(as_text(text)), config_path));
  const auto found = datasets.find(options.real);
  if (found == datasets.end()) {
    return make_error(ErrorCode::kInvalidArgument,
                      config_path + " has no dataset " + tributary::quoted(options.real));
  }
  std::string detail;
  auto rows = load_dataset({found->second.name, found->second.options}, maker.job.data,
                           plan_of(maker.inputs), maker.job.seed, &detail);
  if (!rows) {
    Error error = std::move(rows).error();
    if (!detail.empty()) error.message += " (" + detail + ")";
    return error;
  }
  if (rows->training.rows == 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "dataset " + tributary::quoted(options.real) + " has no training rows");
  }
  return rows;
}

// The columns to judge by, or that of the job, or none.
void judge(const SynthesizeOptions& options, const Maker& maker, const SiteExamples& real,
           ReportInput& report) {
  for (const std::string& label : options.labels) {
    auto judged = usefulness_of(learner_in_process(), maker.inputs, label, real.training,
                                real.validation, report.made);
    if (judged) {
      report.usefulness.push_back(std::move(*judged));
    } else {
      report.not_judged += (report.not_judged.empty() ? "" : "; ") + judged.error().message;
    }
  }
}

Status write_report(const SynthesizeOptions& options, const std::string& config, const Maker& maker,
                    const ExampleSet& made) {
  TRIB_TRY(real, real_rows(options, config, maker));
  const Likeness likeness = likeness_of(maker.inputs, real.training, real.validation, made);
  ReportInput report{.job = maker.job.name,
                     .family = maker.job.model.name,
                     .seed = options.seed,
                     .epsilon = std::nullopt,
                     .training = real.training,
                     .held_out = real.validation,
                     .made = made,
                     .likeness = likeness};
  if (maker.job.privacy.records) {
    TRIB_TRY(spent, planned_epsilon(maker.job, static_cast<std::uint64_t>(real.training.rows)));
    report.epsilon = spent;
    report.delta = maker.job.privacy.records->delta;
  }
  judge(options, maker, real, report);
  TRIB_TRY(page, synthetic_report(report, options.shareable ? Detail::kSummary : Detail::kFull));
  TRIB_CHECK_OK(write_named(options.report, as_bytes(page)));
  std::cerr << "wrote " << options.report
            << (options.shareable ? ": figures over all rows\n"
                                  : ": it shows real rows of this site, and is for the site\n");
  if (likeness.nearest.suspicious) {
    std::cerr << "warning: made rows are copies of training rows, or nearer to them than unrelated "
                 "rows are\n";
  }
  return {};
}

Status check_options(const SynthesizeOptions& options) {
  const auto wrong = [](const char* what) { return make_error(ErrorCode::kInvalidArgument, what); };
  if (options.real.empty() != options.report.empty())
    return wrong("--real and --report go together: the page compares made rows with real ones");
  if (options.report.empty() && (!options.labels.empty() || options.shareable))
    return wrong("--label and --shareable are for --report");
  TRIB_CHECK_OK(check_place(options.out));
  return options.report.empty() ? Status{} : check_place(options.report);
}

}  // namespace

Status synthesize(const SynthesizeOptions& options, const std::string& config) {
  TRIB_CHECK_OK(check_options(options));
  TRIB_TRY(maker, read_maker(options));
  TRIB_TRY(made, generate({maker.job, maker.model, maker.input_shape, options.rows, options.seed,
                           word_groups(maker.inputs)}));
  TRIB_CHECK_OK(write_rows(options, maker, made));
  std::cerr << "wrote " << options.out << ": " << made.rows << " rows that model " << options.model
            << " made up\n";
  return options.report.empty() ? Status{} : write_report(options, config, maker, made);
}

void add_synthesize(CLI::App& app, SynthesizeOptions& options, const std::string& config,
                    std::function<Status()>& chosen) {
  CLI::App* command = app.add_subcommand(
      "synthesize",
      "Write rows that a model of family copula makes up; with --real, --config and "
      "--report a page that holds them against the site's own");
  command->add_option("--model", options.model, "The model.safetensors of the job")->required();
  command->add_option("--job", options.job, "The job file; that in the model's file if left out");
  command->add_option("--rows", options.rows, "How many")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "The same seed gives the same rows")
      ->capture_default_str();
  command->add_option("--out", options.out, "A CSV to write; of arrays a .npz with `inputs`")
      ->required();
  command->add_option("--whole", options.whole,
                      "A column whose numbers are whole; may be repeated");
  command->add_option("--real", options.real, "Dataset of client.yaml to compare with");
  command->add_option("--report", options.report, "The page (HTML) to write");
  command->add_option("--label", options.labels,
                      "A column: the page tells how well it is learned from made rows, beside real "
                      "ones; may be repeated");
  command->add_flag("--shareable", options.shareable,
                    "A page of figures over all rows, without histograms and pictures");
  command->callback([&] { chosen = [&] { return synthesize(options, config); }; });
}

}  // namespace tributary
