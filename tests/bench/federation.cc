// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/federation.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace tributary::bench {
namespace {

using Json = nlohmann::json;

std::string program(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

// The coordinator's log as far as it was read: each line once, because whoever waits for rounds
// must not take the time of those who make them.
struct Federation::Log {
  std::string path;
  std::streamoff read = 0;
  std::vector<Json> lines;  // of the events that are asked for

  void go_on() {
    std::ifstream in(path, std::ios::binary);
    in.seekg(read);
    for (std::string line; std::getline(in, line) && !in.eof();) {
      read += static_cast<std::streamoff>(line.size()) + 1;
      for (const char* event :
           {"coordinator.started", "round.committed", "job.finished", "job.failed"}) {
        if (line.find("\"event\":\"" + std::string(event) + '"') != std::string::npos)
          lines.push_back(Json::parse(line));
      }
    }
  }
  std::vector<Json> of(const char* event) {
    go_on();
    std::vector<Json> found;
    std::ranges::copy_if(lines, std::back_inserter(found),
                         [&](const Json& line) { return line["event"] == event; });
    return found;
  }
};

ScratchFolder::ScratchFolder(const std::string& in)
    : path_(in + "/tributary-bench-" + std::string(6, 'X')) {
  TRIB_ASSERT(::mkdtemp(path_.data()) != nullptr, "cannot make a folder for the state");
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Federation::Federation(const std::string& in, const std::string& staging)
    : folder_(in), log_(std::make_unique<Log>(Log{path("coordinator.jsonl"), 0, {}})) {
  ca_ = *make_ca("bench", KeyKind::kP256, 2);
  write_file(path("ca.pem"), ca_.certificate);
  const auto yaml = [](const TlsFiles& tls) {
    return "tls: {certificate: " + tls.certificate + ", key: " + tls.key + ", ca: " + tls.ca +
           "}\n";
  };
  write_file(path("coordinator.yaml"),
             "listen: 127.0.0.1:0\nstate_dir: coordinator\n"
             "log: {file: coordinator.jsonl}\nadmission: {rate: 10000, dials_per_address: "
             "10000}\nstaging_memory: " +
                 staging + "\n" + yaml(tls_of("coordinator", "coordinator")));
  coordinator_ =
      std::make_unique<Process>(std::vector<std::string>{program("tributary-coordinator"),
                                                         "--config", path("coordinator.yaml")},
                                path("coordinator.txt"));
  const bool started = wait_until(
      [&] {
        const auto found = log_->of("coordinator.started");
        if (found.empty()) return false;
        const std::string listen = found[0]["listen"].get<std::string>();
        port_ = static_cast<std::uint16_t>(std::stoi(listen.substr(listen.rfind(':') + 1)));
        return true;
      },
      std::chrono::seconds(20));
  TRIB_ASSERT(started, "the coordinator did not start");
  write_file(path("tributaryctl.yaml"), "coordinator: 127.0.0.1:" + std::to_string(port_) +
                                            "\nserver_name: coordinator\n" +
                                            yaml(tls_of("operator", "operator")));
}

Federation::~Federation() { coordinator_.reset(); }

TlsFiles Federation::tls_of(const std::string& role, const std::string& name) {
  TlsFiles files{path(name + ".pem"), path(name + ".key"), path("ca.pem")};
  if (std::filesystem::exists(files.certificate)) return files;
  const PemPair made = *issue_certificate(ca_, {name, role, {}, KeyKind::kP256, 2});
  write_file(files.certificate, made.certificate);
  write_file(files.key, made.key);
  ::chmod(files.key.c_str(), 0600);
  return files;
}

Memory Federation::memory() const {
  Memory memory;
  std::ifstream in("/proc/" + std::to_string(coordinator_->pid()) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmRSS:")) memory.now_mb = std::stod(line.substr(6)) * 1024.0 / 1e6;
    if (line.starts_with("VmHWM:")) memory.peak_mb = std::stod(line.substr(6)) * 1024.0 / 1e6;
  }
  return memory;
}

int Federation::ctl(std::vector<std::string> arguments, std::string* output) const {
  arguments.insert(arguments.begin(),
                   {program("tributaryctl"), "--config", path("tributaryctl.yaml")});
  std::filesystem::remove(path("ctl.txt"));
  const int status = run_process(std::move(arguments), path("ctl.txt"));
  if (output != nullptr) *output = read_file(path("ctl.txt"));
  return status;
}

std::string Federation::submit(int rounds, int sites, const std::string& more) {
  const std::string count = std::to_string(sites);
  write_file(path("job.yaml"),
             "name: bench\nmodel: logistic\n"
             "data: {dataset: bench, features: [x], label: y, standardize: none}\n"
             "train: {optimizer: sgd}\nevaluate: {every: 0}\nrounds: {count: " +
                 std::to_string(rounds) + ", deadline: 1h, selection: all, minimum_sites: " +
                 count + ", quorum: " + count + "}\n" + more);
  std::string output;
  const int status = ctl({"job", "submit", path("job.yaml")}, &output);
  TRIB_ASSERT(status == 0, output.c_str());
  return output.substr(0, output.find('\n'));
}

bool Federation::wait(const std::string& job, std::chrono::seconds limit) {
  const auto of_job = [&](const char* event) {
    const auto found = log_->of(event);
    return std::ranges::any_of(found, [&](const Json& line) { return line["job"] == job; });
  };
  bool failed = false;
  const bool over = wait_until(
      [&] {
        failed = of_job("job.failed") || !coordinator_->running();
        return failed || of_job("job.finished");
      },
      limit);
  return over && !failed;
}

std::vector<double> Federation::round_seconds(const std::string& job) const {
  std::vector<double> seconds;
  for (const Json& line : log_->of("round.committed")) {
    if (line["job"] == job) seconds.push_back(line["seconds"].get<double>());
  }
  return seconds;
}

}  // namespace tributary::bench
