// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/scale.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "tests/bench/idle_links.h"
#include "tests/bench/sites.h"

namespace tributary::bench {
namespace {

constexpr std::chrono::seconds kPatience{900};

Figure plain(std::string key, std::string what, double ours, std::string unit, double target) {
  return {std::move(key), std::move(what), ours, 1.0, std::move(unit), "", target, true};
}

// The folder of the sites' files: the machine's memory, where it shows it as a folder.
std::string in_memory(const std::string& otherwise) {
  return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : otherwise;
}

struct Load {
  int sites = 0;
  std::size_t values = 0;
  int rounds = 0;
  std::string staging = "96MiB";
  std::string sites_in = {};  // the federation's folder, if none
};

struct Rounds {
  double seconds = 0.0;      // the median
  double grown_mb = 0.0;     // of the second half
  double peak_models = 0.0;  // peak less idle, in models
};

Rounds run(const std::string& folder, const Load& load) {
  std::cerr << "  " << load.sites << " sites, " << load.rounds << " rounds of " << load.values
            << " values\n";
  Federation federation(folder, load.staging);
  const ScratchFolder files(load.sites_in.empty() ? folder : load.sites_in);
  Sites clients(federation, files.path(), {load.sites, load.values, false});
  const double idle_mb = federation.memory().now_mb;
  const std::string job = federation.submit(load.rounds, load.sites);
  const auto done = [&] { return federation.round_seconds(job).size(); };
  const bool half =
      wait_until([&] { return done() >= static_cast<std::size_t>(load.rounds) / 2; }, kPatience);
  const double half_mb = federation.memory().now_mb;
  TRIB_ASSERT(half && federation.wait(job, kPatience), "the job did not finish");
  const Memory memory = federation.memory();
  return {median(federation.round_seconds(job)), memory.now_mb - half_mb,
          (memory.peak_mb - idle_mb) / (4.0 * static_cast<double>(load.values) / 1e6)};
}

}  // namespace

std::vector<Figure> thousand_rounds(const std::string& folder) {
  const Rounds many = run(folder, {.sites = 2, .values = 1'000, .rounds = 1'000});
  return {plain("rss_growth_mb_1000_rounds",
                "growth of the coordinator's memory over the second 500 of 1 000 rounds",
                many.grown_mb, "MB", 1.0)};
}

std::vector<Figure> five_hundred_sites(const std::string& folder) {
  const Rounds small =
      run(folder, {.sites = 500, .values = 1'000, .rounds = 9, .sites_in = in_memory(folder)});
  return {plain("round_500_clients_s", "a round of 500 sites x 1 000 values", small.seconds, "s",
                0.25)};
}

std::vector<Figure> five_hundred_mb(const std::string& folder) {
  const Rounds large = run(folder, {.sites = 4, .values = 125'000'000, .rounds = 1});
  return {
      plain("round_500mb_s", "a round of 4 sites x 500 MB, down and up", large.seconds, "s", 60.0),
      plain("rss_over_model_500mb", "coordinator's peak less idle in it", large.peak_models,
            "models", 4.0)};
}

std::vector<Figure> large_model(const std::string& folder) {
  const Rounds huge =
      run(folder, {.sites = 6, .values = 850'000'000, .rounds = 1, .staging = "3300MiB"});
  return {
      plain("round_3400mb_s", "a round of 6 sites x 3.4 GB, down and up", huge.seconds, "s", 155.0),
      plain("rss_over_model_3400mb", "coordinator's peak less idle in it", huge.peak_models,
            "models", 4.0)};
}

std::vector<Figure> five_thousand_sites(const std::string& folder) {
  const Rounds crowd = run(folder, {.sites = 5'000, .values = 10'000, .rounds = 3});
  return {plain("round_5000_clients_s", "a round of 5 000 sites x 10 000 values", crowd.seconds,
                "s", 60.0)};
}

std::vector<Figure> idle_sites(const std::string& folder) {
  std::cerr << "  10 000 idle links\n";
  Federation federation(folder);
  const double before_mb = federation.memory().now_mb;
  const IdleLinks links(federation, 10'000);
  const double after_mb = federation.memory().now_mb;
  const auto connected = static_cast<double>(links.connected());
  Figure idle = plain("idle_clients", "sites on one coordinator at the same time", connected,
                      "links", 10'000.0);
  idle.at_most = false;
  return {plain("idle_client_rss_kb", "memory of the coordinator for an idle site",
                (after_mb - before_mb) * 1e6 / 1024.0 / connected, "KiB", 40.0),
          idle};
}

}  // namespace tributary::bench
