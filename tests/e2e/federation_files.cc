// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/federation_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/crypto/pki.h"

namespace tributary {
namespace {

constexpr std::chrono::seconds kPatience{60};

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

std::string FederationFiles::read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void FederationFiles::write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

FederationFiles::FederationFiles(int sites) {
  const std::string log = path("setup.log");
  run_process({program("tributary-client"), "data", "generate-hospital", "--sites",
               std::to_string(sites), "--rows", "120", "--out", path("data")},
              log);
  write(path("policy.yaml"), "approval: automatic\n");
  issue("pki", "coordinator", "coordinator", 30);
  issue("pki", "operator", "operator", 30);
  for (int i = 1; i <= sites; ++i) issue("pki", "site", "hospital-" + std::to_string(i), 30);
}

void FederationFiles::issue(const std::string& pki, const std::string& role,
                            const std::string& name, int days) const {
  const std::string ctl = program("tributaryctl"), log = path("setup.log");
  if (read(path(pki) + "/ca.pem").empty())
    run_process({ctl, "pki", "init", "--dir", path(pki)}, log);
  if (days > 0) {
    run_process({ctl, "pki", "issue", "--dir", path(pki), "--role", role, "--name", name, "--days",
                 std::to_string(days)},
                log);
    return;
  }
  // The program makes none that has expired.
  const auto expired = issue_certificate({read(path(pki) + "/ca.pem"), read(path(pki) + "/ca.key")},
                                         {name, role, {}, KeyKind::kP256, days});
  write(path(pki) + "/" + name + ".pem", expired->certificate);
  write(path(pki) + "/" + name + ".key", expired->key);
  ::chmod((path(pki) + "/" + name + ".key").c_str(), 0600);
}

std::string FederationFiles::write_job(const std::string& train, const std::string& rounds,
                                       const std::string& hidden) const {
  const std::string file = path("job.yaml");
  write(file,
        "name: readmission\nseed: 3\nmodel: {family: mlp, hidden: " + hidden +
            "}\ndata:\n  dataset: patients\n"
            "  features: [age, pressure, creatinine, stay, {name: admission, type: categorical}]\n"
            "  label: readmitted\n  missing: mean\ntrain: " +
            train + "\nrounds: " + rounds + "\n");
  return file;
}

void FederationFiles::write_coordinator() const {
  const auto tls = [](const std::string& name) {
    return "tls: {certificate: pki/" + name + ".pem, key: pki/" + name +
           ".key, ca: pki/ca.pem, crl: pki/crl.pem}\n";
  };
  const std::string address = "127.0.0.1:" + std::to_string(port_) + "\n";
  write(path("coordinator.yaml"),
        "listen: " + address +
            "state_dir: coordinator\nlog: {file: coordinator.jsonl, level: debug}\n" +
            coordinator_options_ + tls("coordinator"));
  write(path("tributaryctl.yaml"),
        "coordinator: " + address + "server_name: coordinator\n" + tls("operator"));
}

void FederationFiles::write_client(const std::string& site, const std::string& stem,
                                   const std::string& pki) const {
  write(path(stem + ".yaml"), "coordinator: 127.0.0.1:" + std::to_string(port_) +
                                  "\nserver_name: coordinator\nstate_dir: state-" + stem +
                                  "\ntls: {certificate: " + pki + "/" + site + ".pem, key: " + pki +
                                  "/" + site + ".key, ca: pki/ca.pem, crl: pki/crl.pem}\n" +
                                  "datasets: {patients: {loader: csv, path: data/" + site +
                                  ".csv}}\nlog: {file: " + stem + ".jsonl" + client_log_options_ +
                                  "}\n");
}

void FederationFiles::start_coordinator() {
  const std::size_t before = events("coordinator.started").size();
  write_coordinator();
  coordinator_ =
      std::make_unique<Process>(std::vector<std::string>{program("tributary-coordinator"),
                                                         "--config", path("coordinator.yaml")},
                                path("coordinator.txt"));
  TRIB_ASSERT(wait_for("coordinator.started", {}, before + 1), "the coordinator did not start");
  const std::string listen = events("coordinator.started").back()["listen"].get<std::string>();
  port_ = std::stoi(listen.substr(listen.rfind(':') + 1));
  write_coordinator();
}

bool FederationFiles::kill(Process& process) {
  const bool ran = process.running();
  process.end(SIGKILL);
  return ran;
}

bool FederationFiles::kill_coordinator() { return kill(*coordinator_); }
int FederationFiles::stop_coordinator() { return coordinator_->end(SIGTERM); }

void FederationFiles::start_client(int index) {
  const std::string site = "hospital-" + std::to_string(index);
  write_client(site, site, "pki");
  clients_[index] = std::make_unique<Process>(
      std::vector<std::string>{program("tributary-client"), "--config", path(site + ".yaml")},
      path(site + ".txt"));
}

int FederationFiles::ctl(std::vector<std::string> arguments, std::string* output) const {
  const std::string log = path("ctl.txt");
  ::unlink(log.c_str());
  arguments.insert(arguments.begin(),
                   {program("tributaryctl"), "--config", path("tributaryctl.yaml")});
  const int status = run_process(arguments, log);
  if (output != nullptr) *output = read(log);
  return status;
}

std::string FederationFiles::submit(const std::string& job_path, std::vector<std::string> more) {
  std::string output;
  more.insert(more.begin(), {"job", "submit", job_path});
  const int status = ctl(std::move(more), &output);
  TRIB_ASSERT(status == 0, output.c_str());
  return output.substr(0, output.find('\n'));
}

// Polled all the time: only what is new is read, and only lines that may fit are parsed.
const std::string& FederationFiles::coordinator_log() const {
  std::ifstream in(path("coordinator.jsonl"), std::ios::binary);
  in.seekg(static_cast<std::streamoff>(log_.size()));
  log_.append(std::istreambuf_iterator<char>(in), {});
  return log_;
}

std::vector<Json> FederationFiles::events(const std::string& name,
                                          const std::map<std::string, std::string>& fields) const {
  return events_of(coordinator_log(), name, fields);
}

std::vector<Json> FederationFiles::client_events(
    int index, const std::string& name, const std::map<std::string, std::string>& fields) const {
  return events_of(read(path("hospital-" + std::to_string(index) + ".jsonl")), name, fields);
}

std::vector<Json> FederationFiles::events_of(const std::string& log, const std::string& name,
                                             const std::map<std::string, std::string>& fields) {
  std::vector<Json> found;
  const std::string key = "\"event\":\"" + name + '"';
  for (std::size_t at = log.find(key); at != std::string::npos; at = log.find(key, at + 1)) {
    const std::size_t begin = log.rfind('\n', at) + 1, end = log.find('\n', at);
    const Json json = Json::parse(log.substr(begin, end - begin), nullptr, false);
    if (!json.is_object()) continue;  // half a line
    bool fits = true;
    for (const auto& [field, value] : fields)
      fits = fits && json.contains(field) && text_of(json[field]) == value;
    if (fits) found.push_back(json);
  }
  return found;
}

std::vector<Json> FederationFiles::lines_of(const std::string& log) {
  std::vector<Json> events;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    // A process that is killed may leave half a line.
    if (Json json = Json::parse(line, nullptr, false); json.is_object()) events.push_back(json);
  }
  return events;
}

bool FederationFiles::job_over() const {
  for (const char* end : {"job.finished", "job.failed", "job.aborted"}) {
    if (!events(end).empty()) return true;
  }
  // That line is written when the end is durable; a coordinator that is killed in between never
  // writes it.
  const std::vector<Json> lives = events("state.recovered");
  return !lives.empty() && lives.back()["jobs"] != 0 && lives.back()["unfinished"] == 0;
}

bool FederationFiles::wait_for_moment(RandomSource& random, std::size_t lines_most) const {
  const auto lines = [this] { return std::ranges::count(coordinator_log(), '\n'); };
  const auto enough = lines() + static_cast<std::ptrdiff_t>(random.uniform_below(lines_most + 1));
  const auto waits = static_cast<int>(random.uniform_below(50));
  wait_until([&] { return lines() >= enough || job_over(); }, kPatience);
  ::poll(nullptr, 0, waits);
  return !job_over();
}

bool FederationFiles::wait_for_end() const {
  return wait_until([this] { return job_over(); }, kPatience);
}

bool FederationFiles::wait_for(const std::string& name,
                               const std::map<std::string, std::string>& fields,
                               std::size_t count) const {
  return wait_until([&] { return events(name, fields).size() >= count; }, kPatience);
}

bool FederationFiles::wait_for_that(const std::function<bool()>& is_so) const {
  return wait_until(is_so, kPatience);
}

std::string FederationFiles::logs() const {
  std::string all = "--- coordinator\n" + read(path("coordinator.txt"));
  for (const auto& [index, client] : clients_) {
    all += "--- hospital-" + std::to_string(index) + "\n" +
           read(path("hospital-" + std::to_string(index) + ".txt"));
  }
  return all;
}

std::string FederationFiles::final_model(const std::string& job) const {
  std::string last;
  for (const auto& entry : std::filesystem::directory_iterator(path("coordinator/models/" + job))) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("round-")) last = std::max(last, entry.path().string());
  }
  return last.empty() ? "" : read(last);
}

}  // namespace tributary
