// SPDX-License-Identifier: Apache-2.0
// tributary-client: a site's daemon, and the tools a site needs beside it.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>

#include "client/confined/confined_learner.h"
#include "client/confined/worker.h"
#include "client/daemon/data_check.h"
#include "client/daemon/dataset_files.h"
#include "client/daemon/describe_command.h"
#include "client/daemon/enroll_command.h"
#include "client/daemon/explain_command.h"
#include "client/daemon/jobs_command.h"
#include "client/daemon/privacy_command.h"
#include "client/daemon/site_daemon.h"
#include "client/daemon/site_rules.h"
#include "client/daemon/synthesize_command.h"
#include "client/data/hospital_generator.h"
#include "client/learning/description.h"
#include "client/work/resources.h"
#include "common/base/limits.h"
#include "common/cli/command_line.h"
#include "common/cli/named_file.h"
#include "common/config/job_file.h"
#include "common/storage/file_system.h"
#include "common/tensor/safetensors.h"
#include "common/transport/tls_context.h"

namespace tributary {
namespace {

constexpr const char* kProgram = "tributary-client";

Result<ClientConfig> read_config(const std::string& path) {
  if (path.empty())
    return make_error(ErrorCode::kInvalidArgument, "--config is missing: the site's client.yaml");
  TRIB_TRY(text, read_named(path, limits::kConfigBytesMax));
  return parse_client_config(std::string(as_text(text)), path);
}

int run(const std::string& path) {
  protect_memory();
  const auto config = read_config(path);
  if (!config) return tell_error(kProgram, config.error());
  const SystemClock clock;
  const auto log = EventLog::open(config->log, clock);
  if (!log) return tell_error(kProgram, fault_of_named(config->log.file, log.error()));
  const Status ran = run_client(
      *config, [path] { return read_config(path); }, **log, clock);
  return ran ? 0 : tell_daemon_error(kProgram, ran.error());
}

Status check_config(const std::string& path) {
  TRIB_TRY(config, read_config(path));
  TRIB_TRY(policy, read_site_policy(config.policy_file));
  static_cast<void>(policy);
  TRIB_TRY(context, TlsContext::load_as(PeerRole::kSite, config.tls));
  for (const auto& [name, dataset] : config.datasets)
    TRIB_CHECK_OK(check_dataset_files(name, dataset));
  std::cout << path << ": fine; site " << context->own().name << ", " << config.datasets.size()
            << " dataset(s)\n";
  return {};
}

struct HospitalOptions {
  std::size_t sites = 4, rows = 600;  // rows: of the largest
  std::uint64_t seed = 1;
  std::string out;
};

Status generate_hospitals_into(const HospitalOptions& options) {
  if (Status made = make_file_system()->make_directories(options.out); !made)
    return fault_of_named(options.out, std::move(made).error());
  for (const HospitalFile& file : generate_hospitals(options.sites, options.rows, options.seed)) {
    const std::string path = options.out + "/" + file.site + ".csv";
    TRIB_CHECK_OK(write_named(path, as_bytes(file.csv)));
    std::cout << path << "\n";
  }
  return {};
}

struct DataOptions {
  HospitalOptions hospitals;
  std::string job;  // file
};

void add_data(CLI::App& app, const std::string& config, DataOptions& all,
              std::function<Status()>& chosen) {
  CLI::App* data = app.add_subcommand("data", "The site's data, and data for trying things out");
  data->require_subcommand(1);
  CLI::App* check = data->add_subcommand(
      "check", "Read a dataset as a job would, and print what is there; needs --config");
  check->add_option("--job", all.job, "The job file")->required();
  check->callback([&] {
    chosen = [&config, &all]() -> Status {
      TRIB_TRY(read, read_config(config));
      return check_data(read, all.job);
    };
  });
  HospitalOptions& options = all.hospitals;
  CLI::App* generate = data->add_subcommand(
      "generate-hospital", "Write a CSV of invented patients for each of some hospitals");
  generate->add_option("--sites", options.sites, "How many hospitals")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  generate->add_option("--rows", options.rows, "Patients of the largest")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  generate->add_option("--seed", options.seed, "The same seed gives the same files")
      ->capture_default_str();
  generate->add_option("--out", options.out, "Folder to write into")->required();
  generate->callback([&] { chosen = [&options] { return generate_hospitals_into(options); }; });
}

// For tables the width of one example stands in the model: its first layer is [outputs, inputs].
std::vector<std::int64_t> shape_for_export(const JobSpec& job, const Model& model,
                                           ByteView start_file) {
  if (auto said = input_shape_of(job.data)) return *std::move(said);
  const auto& tensors = model.layout.tensors;
  if (!job.transfer.start) {
    const std::int64_t columns =
        tensors.empty() || tensors[0].shape.size() != 2 ? 1 : tensors[0].shape[1];
    if (job.data.windows) return {job.data.windows->length, columns};
    return {columns};
  }
  // The layer that sees the rows need not travel. Files of Python have their tensors in any order,
  // and layers of tables are numbered: hidden1 before hidden2 before output.
  const Result<Model> start = decode_safetensors(start_file);
  std::map<std::string, std::int64_t> widths;
  for (const Model* from : {&model, start ? &*start : nullptr}) {
    if (from == nullptr) continue;
    for (const TensorInfo& one : from->layout.tensors) {
      if (one.shape.size() == 2) widths[one.name] = one.shape[1];
    }
  }
  return {widths.empty() ? 1 : widths.begin()->second};
}

struct ExportOptions {
  std::string job, model, out;  // files
};

Status export_model(const ExportOptions& options) {
  const auto& [job_path, model_path, out] = options;
  TRIB_TRY(text, read_named(job_path, limits::kJobDocumentBytesMax));
  TRIB_TRY(job, parse_job(std::string(as_text(text)), job_path));
  TRIB_TRY(bytes, read_named(model_path, limits::kBlobBytesMax));
  auto model = decode_safetensors(bytes);
  if (!model) return fault_of_named(model_path, std::move(model).error());
  TRIB_CHECK_OK(check_place(out));
  Bytes module_file;
  if (!job.model_path.empty()) {
    TRIB_TRY(read, read_named(resolve_path(job.model_path, job_path), limits::kBlobBytesMax));
    module_file = std::move(read);
  }
  const SystemClock clock;
  const ConfinedLearner learner({clock, [] { return free_resources(".").memory_bytes; }});
  TRIB_TRY(exported,
           learner.export_torchscript(
               job.spec, *model, shape_for_export(job.spec, *model, module_file), module_file, {}));
  TRIB_CHECK_OK(make_file_system()->write_durably(out, exported));
  std::cerr << "wrote " << out << ": a TorchScript module with the values of " << model_path
            << "\n";
  return {};
}

void add_model(CLI::App& app, ExportOptions& options, DescribeOptions& described,
               std::function<Status()>& chosen) {
  CLI::App* model = app.add_subcommand("model", "Models of jobs, and models for Python");
  model->require_subcommand(1);
  CLI::App* exported = model->add_subcommand(
      "export", "Turn model.safetensors into a TorchScript module for torch.jit.load");
  exported->add_option("--job", options.job, "The job file")->required();
  exported->add_option("--model", options.model, "The model.safetensors of the job")->required();
  exported->add_option("--out", options.out, "The module to write")->required();
  exported->callback([&] { chosen = [&options] { return export_model(options); }; });
  CLI::App* describe = model->add_subcommand(
      "describe", "Show the tensors of a job's model, what they take, and which are trained");
  describe->add_option("JOB", described.job, "The job file")->required();
  describe
      ->add_option("--input-shape", described.input_shape,
                   "Shape of one example, such as 13 or 32,5, where the job does not say it")
      ->delimiter(',')
      ->check(CLI::Range(1, 1'000'000));
  describe->callback([&] { chosen = [&described] { return describe_model(described); }; });
}

// The commands of `jobs`, each of which needs the daemon's file.
void add_jobs(CLI::App& app, const std::string& config, std::string& job,
              std::function<Status()>& chosen) {
  CLI::App* jobs = app.add_subcommand(
      "jobs", "What a person here decides about jobs, beside the running daemon; needs --config");
  jobs->require_subcommand(1);
  using Command = std::function<Status(const ClientConfig&)>;
  const auto add = [&, jobs](const char* name, const char* help, bool of_one, Command command) {
    CLI::App* added = jobs->add_subcommand(name, help);
    if (of_one) added->add_option("JOB", job, "Its id")->required();
    added->callback([&, command = std::move(command)] {
      chosen = [&config, command]() -> Status {
        TRIB_TRY(read, read_config(config));
        return command(read);
      };
    });
  };
  add("pending", "Jobs that wait for a decision", false,
      [](const ClientConfig& read) { return jobs_pending(read); });
  add("inspect", "What a job would run here, and what would leave in each round", true,
      [&job](const ClientConfig& read) { return jobs_inspect(read, job); });
  add("approve", "Let a job run, if the policy does", true,
      [&job](const ClientConfig& read) { return jobs_decide(read, job, Decision::kApproved); });
  add("deny", "Let a job run no more, until somebody approves it again", true,
      [&job](const ClientConfig& read) { return jobs_decide(read, job, Decision::kDenied); });
}

void add_privacy(CLI::App& app, const std::string& config, std::function<Status()>& chosen) {
  CLI::App* privacy = app.add_subcommand(
      "privacy", "What jobs have spent of the records of each dataset here; needs --config");
  privacy->callback([&] {
    chosen = [&config]() -> Status {
      TRIB_TRY(read, read_config(config));
      return show_privacy(read);
    };
  });
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == tributary::kConfinedCommand) return tributary::serve_confined();
  CLI::App app{
      "Tributary's client: a site's daemon. It dials the coordinator, trains on local files when "
      "asked, and sends\n"
      "weight updates; rows never leave. Runs in the foreground until SIGTERM or SIGINT; SIGHUP "
      "opens the log file anew, and reads client.yaml and the certificates.",
      tributary::kProgram};
  tributary::prepare_command_line(app);
  std::string config;
  app.add_option("--config", config, "Its file, client.yaml");
  CLI::App* check = app.add_subcommand(
      "check-config", "Check client.yaml, its certificate and its files, without connecting");

  std::function<tributary::Status()> chosen;
  tributary::DataOptions data;
  tributary::add_data(app, config, data, chosen);
  tributary::ExportOptions exported;
  tributary::DescribeOptions described;
  tributary::add_model(app, exported, described, chosen);
  std::string job_id;
  tributary::add_jobs(app, config, job_id, chosen);
  tributary::add_privacy(app, config, chosen);
  tributary::SynthesizeOptions made;
  tributary::add_synthesize(app, made, config, chosen);
  tributary::EnrollOptions enrolled;
  tributary::add_enroll(app, enrolled, chosen);
  tributary::ExplainCommand explained;
  tributary::add_explain(
      app, explained, [&config] { return tributary::read_config(config); }, chosen);
  if (const auto ended = tributary::parse_command_line(app, argc, argv)) return *ended;
  tributary::hide_argument(argc, argv, enrolled.token);
  tributary::Status done;
  if (chosen) {
    done = chosen();
  } else if (config.empty()) {
    done = tributary::make_error(tributary::ErrorCode::kInvalidArgument,
                                 "--config is missing; --help shows what there is");
  } else if (check->parsed()) {
    done = tributary::check_config(config);
  } else {
    return tributary::run(config);
  }
  return done ? 0 : tributary::tell_error(tributary::kProgram, done.error());
}
