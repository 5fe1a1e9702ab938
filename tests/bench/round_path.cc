// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/round_path.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "tests/bench/pipe.h"
#include "tests/bench/sites.h"

namespace tributary::bench {
namespace {

constexpr std::size_t kValues = 25'000'000;  // a model of 100 MB
constexpr double kModelMb = 4.0 * kValues / 1e6;

double median(std::vector<double> of) {
  TRIB_ASSERT(!of.empty(), "nothing was measured");
  std::ranges::nth_element(of, of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2));
  return of[of.size() / 2];
}

struct Path {
  double ingest_gbps = 0.0;
  double round_seconds = 0.0;
  double pipe_gbps = 0.0;
  double rss_over_model = 0.0;
};

// One coordinator, so many sites, so many rounds of the large model. The pipe is measured before
// and after, in the same way, because machines have other work too.
Path measure(const std::string& in, int sites, int rounds, bool hold) {
  std::cerr << "  " << sites << " sites, " << rounds << " rounds of " << kModelMb << " MB"
            << (hold ? ", uploads alone" : "") << "\n";
  Federation federation(in);
  const auto pipe = [&] {
    return pipe_seconds(federation.tls_of("coordinator", "coordinator"),
                        federation.tls_of("site", "site-0"), std::min(sites, 10), 4 * kValues);
  };
  std::vector<double> pipes = {pipe(), pipe()};
  Sites clients(federation, federation.path("sites"), {sites, kValues, hold});
  const double idle_mb = federation.memory().now_mb;
  const std::string job = federation.submit(rounds, sites);
  TRIB_ASSERT(federation.wait(job, std::chrono::seconds(600)), "the job did not finish");
  Path path;
  path.rss_over_model = (federation.memory().peak_mb - idle_mb) / kModelMb;
  pipes.push_back(pipe());
  pipes.push_back(pipe());
  path.pipe_gbps = std::min(sites, 10) * kModelMb / 1e3 / median(pipes);
  path.round_seconds = median(federation.round_seconds(job));
  if (hold) {
    std::vector<double> uploads;
    for (const Seconds& one : clients.uploads()) uploads.push_back(one.count());
    path.ingest_gbps = sites * kModelMb / 1e3 / median(uploads);
  }
  return path;
}

}  // namespace

std::vector<Figure> round_path_figures(const RoundPathOptions& options) {
  const int rounds = options.quick ? 3 : 7;
  const Path ingest = measure(options.folder, 10, rounds, true);
  const Path whole = measure(options.folder, 10, rounds, false);
  const double pipe_round = 2 * 10 * kModelMb / 1e3 / whole.pipe_gbps;
  std::vector<Figure> figures = {
      {"ingest_over_pipe", "10 updates of 100 MB, from release to accepted", ingest.ingest_gbps,
       ingest.pipe_gbps, "GB/s", "bare TLS", 0.7},
      {"round_over_pipe", "a whole round, 10 x 100 MB down and up", whole.round_seconds, pipe_round,
       "s", "bare TLS", 1.4, true},
      {"rss_over_model_10", "coordinator's peak less idle, 10 sites", whole.rss_over_model, 1.0,
       "models", "the model", 4.0, true}};
  if (options.quick) return figures;
  const Path many = measure(options.folder, 50, 2, false);
  figures.push_back({"rss_over_model_50", "the same, 50 sites", many.rss_over_model, 1.0, "models",
                     "the model", 4.0, true});
  return figures;
}

}  // namespace tributary::bench
