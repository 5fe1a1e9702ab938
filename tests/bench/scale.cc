// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/scale.h"

#include <algorithm>
#include <iostream>

#include "tests/bench/idle_links.h"
#include "tests/bench/sites.h"

namespace tributary::bench {
namespace {

constexpr std::chrono::seconds kPatience{900};

Figure plain(std::string key, std::string what, double ours, std::string unit, double target) {
  return {std::move(key), std::move(what), ours, 1.0, std::move(unit), "", target, true};
}

struct Rounds {
  double seconds = 0.0;      // the median
  double grown_mb = 0.0;     // of the second half
  double peak_models = 0.0;  // peak less idle, in models
};

Rounds run(const std::string& folder, int sites, std::size_t values, int rounds) {
  std::cerr << "  " << sites << " sites, " << rounds << " rounds of " << values << " values\n";
  Federation federation(folder);
  Sites clients(federation, federation.path("sites"), {sites, values, false});
  const double idle_mb = federation.memory().now_mb;
  const std::string job = federation.submit(rounds, sites);
  const auto done = [&] { return federation.round_seconds(job).size(); };
  const bool half =
      wait_until([&] { return done() >= static_cast<std::size_t>(rounds) / 2; }, kPatience);
  const double half_mb = federation.memory().now_mb;
  TRIB_ASSERT(half && federation.wait(job, kPatience), "the job did not finish");
  const Memory memory = federation.memory();
  return {median(federation.round_seconds(job)), memory.now_mb - half_mb,
          (memory.peak_mb - idle_mb) / (4.0 * static_cast<double>(values) / 1e6)};
}

}  // namespace

std::vector<Figure> scale_figures(const std::string& folder) {
  std::vector<Figure> figures;
  const Rounds many = run(folder, 2, 1'000, 1'000);
  figures.push_back(plain("rss_growth_mb_1000_rounds",
                          "growth of the coordinator's memory over the second 500 of 1 000 rounds",
                          many.grown_mb, "MB", 1.0));
  const Rounds small = run(folder, 500, 1'000, 9);
  figures.push_back(plain("round_500_clients_s", "a round of 500 sites x 1 000 values",
                          small.seconds, "s", 0.25));
  const Rounds large = run(folder, 4, 125'000'000, 1);
  figures.push_back(
      plain("round_500mb_s", "a round of 4 sites x 500 MB, down and up", large.seconds, "s", 60.0));
  figures.push_back(plain("rss_over_model_500mb", "coordinator's peak less idle in it",
                          large.peak_models, "models", 4.0));
  const Rounds crowd = run(folder, 5'000, 10'000, 3);
  figures.push_back(plain("round_5000_clients_s", "a round of 5 000 sites x 10 000 values",
                          crowd.seconds, "s", 60.0));
  std::cerr << "  10 000 idle links\n";
  Federation federation(folder);
  const double before_mb = federation.memory().now_mb;
  const IdleLinks links(federation, 10'000);
  const double after_mb = federation.memory().now_mb;
  const auto connected = static_cast<double>(links.connected());
  figures.push_back(plain("idle_client_rss_kb", "memory of the coordinator for an idle site",
                          (after_mb - before_mb) * 1e6 / 1024.0 / connected, "KiB", 40.0));
  Figure idle = plain("idle_clients", "sites on one coordinator at the same time", connected,
                      "links", 10'000.0);
  idle.at_most = false;
  figures.push_back(idle);
  return figures;
}

}  // namespace tributary::bench
