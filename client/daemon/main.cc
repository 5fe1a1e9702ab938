// SPDX-License-Identifier: Apache-2.0
// tributary-client: a site's daemon, and the tools a site needs beside it. Exit status: 0 done, 1
// failed, 2 wrong usage or file, 3 network or certificate.
#include <CLI/CLI.hpp>
#include <iostream>

#include "client/agent/agent.h"
#include "client/data/hospital_generator.h"
#include "client/learning/learner.h"
#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/config/job_file.h"
#include "common/storage/file_system.h"
#include "common/tensor/safetensors.h"
#include "common/transport/tls_context.h"

namespace tributary {
namespace {

int fail(const Error& error, int code) {
  std::cerr << "tributary-client: " << error.message << "\n";
  return code;
}

Result<ClientConfig> read_config(const std::string& path) {
  TRIB_TRY(text, make_file_system()->read(path, limits::kConfigBytesMax));
  return parse_client_config(std::string(as_text(text)), path);
}

int run(const std::string& path) {
  const auto config = read_config(path);
  if (!config) return fail(config.error(), 2);
  const SystemClock clock;
  const auto log = EventLog::open(config->log, clock);
  if (!log) return fail(log.error(), 2);
  const Status ran = run_client(*config, **log, clock);
  return ran ? 0 : fail(ran.error(), exit_code(ran.error().code));
}

int check_config(const std::string& path) {
  const auto config = read_config(path);
  if (!config) return fail(config.error(), 2);
  const auto context = TlsContext::load_as(PeerRole::kSite, config->tls);
  if (!context) return fail(context.error(), 2);
  std::cout << path << ": fine; site " << (*context)->own().name << ", " << config->datasets.size()
            << " dataset(s)\n";
  return 0;
}

int generate_hospitals_into(const std::string& directory, std::size_t sites, std::size_t rows,
                            std::uint64_t seed) {
  const auto files = make_file_system();
  if (Status made = files->make_directories(directory); !made) return fail(made.error(), 1);
  for (const HospitalFile& file : generate_hospitals(sites, rows, seed)) {
    const std::string path = directory + "/" + file.site + ".csv";
    if (Status written = files->write_durably(path, as_bytes(file.csv)); !written)
      return fail(written.error(), 1);
    std::cout << path << "\n";
  }
  return 0;
}

// For tables the width of one example stands in the model: its first layer is [outputs, inputs].
std::vector<std::int64_t> input_shape_of(const JobSpec& job, const Model& model) {
  if (!job.data.input_shape.empty()) return job.data.input_shape;
  const auto& tensors = model.layout.tensors;
  return {tensors.empty() || tensors[0].shape.size() != 2 ? 1 : tensors[0].shape[1]};
}

Status export_model(const std::string& job_path, const std::string& model_path,
                    const std::string& out) {
  const auto files = make_file_system();
  TRIB_TRY(text, files->read(job_path, limits::kJobDocumentBytesMax));
  TRIB_TRY(job, parse_job(std::string(as_text(text)), job_path));
  TRIB_TRY(bytes, files->read(model_path, limits::kBlobBytesMax));
  TRIB_TRY(model, decode_safetensors(bytes));
  return save_torchscript(job.spec, model, input_shape_of(job.spec, model),
                          resolve_path(job.model_path, job_path), out);
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  CLI::App app{
      "Tributary's client: a site's daemon. It dials the coordinator, trains on local files when "
      "asked, and sends\n"
      "weight updates; rows never leave. Runs in the foreground until SIGTERM or SIGINT."};
  app.set_version_flag("--version", tributary::kVersion);
  std::string config;
  app.add_option("--config", config, "Its file, client.yaml");

  std::string checked;
  CLI::App* check = app.add_subcommand("check-config",
                                       "Check client.yaml and its certificate, without connecting");
  check->add_option("--config", checked, "The file")->required();

  CLI::App* data = app.add_subcommand("data", "Data for trying things out");
  data->require_subcommand(1);
  CLI::App* generate = data->add_subcommand(
      "generate-hospital", "Write a CSV of invented patients for each of some hospitals");
  std::size_t sites = 4, rows = 600;
  std::uint64_t seed = 1;
  std::string out;
  generate->add_option("--sites", sites, "How many hospitals")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  generate->add_option("--rows", rows, "Patients of the largest")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  generate->add_option("--seed", seed, "The same seed gives the same files")->capture_default_str();
  generate->add_option("--out", out, "Folder to write into")->required();

  CLI::App* model = app.add_subcommand("model", "Models for Python");
  model->require_subcommand(1);
  CLI::App* exported = model->add_subcommand(
      "export", "Turn model.safetensors into a TorchScript module for torch.jit.load");
  std::string job_path, model_path, module_path;
  exported->add_option("--job", job_path, "The job file")->required();
  exported->add_option("--model", model_path, "The model.safetensors of the job")->required();
  exported->add_option("--out", module_path, "The module to write")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (check->parsed()) return tributary::check_config(checked);
  if (generate->parsed()) return tributary::generate_hospitals_into(out, sites, rows, seed);
  if (exported->parsed()) {
    const tributary::Status done = tributary::export_model(job_path, model_path, module_path);
    return done ? 0 : tributary::fail(done.error(), 1);
  }
  if (config.empty()) {
    std::cerr << "tributary-client: --config is missing; --help shows what there is\n";
    return 2;
  }
  return tributary::run(config);
}
