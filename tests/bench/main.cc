// SPDX-License-Identifier: Apache-2.0
// tributary-bench: measures the paths that bound a round, each beside the limit of this machine in
// the same run.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/bench/crypto.h"
#include "tests/bench/kernels.h"
#include "tests/bench/round_path.h"
#include "tests/bench/scale.h"
#include "tests/bench/secure_sums.h"

namespace {

using tributary::bench::Figure;

std::string machine() {
  std::string model = "unknown processor";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    model = line.substr(line.find(':') + 2);
    break;
  }
  return model + ", " + std::to_string(std::thread::hardware_concurrency()) + " processors";
}

// Ten thousand sites are as many sockets.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void print_table(const std::vector<Figure>& figures) {
  std::cout << "Machine: " << machine()
            << "\n\n| Figure | Ours | Limit | Ratio | Wanted |\n|---|---|---|---|---|\n";
  for (const Figure& one : figures) {
    char limit[200] = "", wanted[40] = "", line[400];
    if (!one.limited_by.empty())
      std::snprintf(limit, sizeof limit, "%.2f %s (%s) | %.2f", one.limit, one.unit.c_str(),
                    one.limited_by.c_str(), one.ours / one.limit);
    if (one.target > 0.0)
      std::snprintf(wanted, sizeof wanted, "%s %.2f", one.at_most ? "at most" : "at least",
                    one.target);
    std::snprintf(line, sizeof line, "| %s (`%s`) | %.2f %s | %s | %s |\n", one.what.c_str(),
                  one.key.c_str(), one.ours, one.unit.c_str(), limit[0] == 0 ? " | " : limit,
                  wanted);
    std::cout << line;
  }
}

// What is measured together, by the name that --only takes.
struct Part {
  enum class When { kQuick, kFull, kAsked };
  std::string name;
  When when;
  std::function<std::vector<Figure>(const std::string& folder, bool quick)> measure;
};

std::vector<Part> parts() {
  namespace bench = tributary::bench;
  using Folder = const std::string&;
  using enum Part::When;
  return {{"kernels", kQuick,
           [](Folder, bool quick) { return bench::kernel_figures(25'000'000, quick ? 5 : 15); }},
          {"crypto", kQuick, [](Folder, bool) { return bench::crypto_figures(); }},
          {"secure-sums", kFull, [](Folder, bool) { return bench::secure_sum_figures(); }},
          {"10-sites", kQuick,
           [](Folder in, bool quick) { return bench::ten_sites(in, quick ? 5 : 11); }},
          {"50-sites", kFull, [](Folder in, bool) { return bench::fifty_sites(in); }},
          {"1000-rounds", kFull, [](Folder in, bool) { return bench::thousand_rounds(in); }},
          {"500-sites", kFull, [](Folder in, bool) { return bench::five_hundred_sites(in); }},
          {"500-mb", kFull, [](Folder in, bool) { return bench::five_hundred_mb(in); }},
          {"3400-mb", kAsked, [](Folder in, bool) { return bench::large_model(in); }},
          {"5000-sites", kFull, [](Folder in, bool) { return bench::five_thousand_sites(in); }},
          {"idle", kFull, [](Folder in, bool) { return bench::idle_sites(in); }}};
}

std::vector<std::string> names_of(const std::vector<Part>& parts) {
  std::vector<std::string> names;
  for (const Part& part : parts) names.push_back(part.name);
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Measures the paths that bound a round, each beside the limit of this machine in the same "
      "run.");
  std::string json;
  bool quick = false;
  app.add_option("--json", json, "Also write the figures as one flat JSON object to this file");
  std::string folder = std::filesystem::temp_directory_path();
  app.add_option("--folder", folder, "Where coordinator and sites keep their state")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_flag("--quick", quick, "Smaller and fewer runs, under a minute");
  const std::vector<Part> all = parts();
  std::vector<std::string> only;
  app.add_option("--only", only, "These alone; 3400-mb is measured only when it is named")
      ->check(CLI::IsMember(names_of(all)))
      ->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  raise_descriptor_limit();
  std::string interleave = "--benchmark_enable_random_interleaving=true";
  std::vector<char*> flags = {argv[0], interleave.data()};
  int count = static_cast<int>(flags.size());
  benchmark::Initialize(&count, flags.data());
  std::vector<Figure> figures;
  for (const Part& part : all) {
    const bool asked = std::ranges::find(only, part.name) != only.end();
    const bool usual = only.empty() && (part.when == Part::When::kQuick ||
                                        (part.when == Part::When::kFull && !quick));
    if (asked || usual) std::ranges::copy(part.measure(folder, quick), std::back_inserter(figures));
  }
  print_table(figures);
  if (json.empty()) return 0;
  nlohmann::json object = {{"machine", machine()}};
  for (const Figure& one : figures) object[one.key] = one.ours / one.limit;
  std::ofstream file(json);
  file << object.dump(2) << "\n";
  file.close();
  if (file) return 0;
  std::cerr << "tributary-bench: cannot write " << json << "\n";
  return 1;
}
