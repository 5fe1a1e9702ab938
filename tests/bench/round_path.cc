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

struct Path {
  double ingest_gbps = 0.0;
  double round_seconds = 0.0;
  double pipe_gbps = 0.0;
  double rss_over_model = 0.0;
};

double pipe_gbps(Federation& federation) {
  constexpr int kLinks = 10;
  return kLinks * kModelMb / 1e3 /
         pipe_seconds(federation.tls_of("coordinator", "coordinator"),
                      federation.tls_of("site", "site-0"), kLinks, 4 * kValues);
}

// One coordinator, so many sites, so many rounds of the large model; in each second one the uploads
// are timed alone. The pipe is measured before and after, because machines have other work too.
Path measure(const std::string& in, int sites, int rounds) {
  std::cerr << "  " << sites << " sites, " << rounds << " rounds of " << kModelMb << " MB\n";
  Federation federation(in);
  std::vector<double> pipes = {pipe_gbps(federation), pipe_gbps(federation)};
  Sites clients(federation, federation.path("sites"), {sites, kValues, true});
  const double idle_mb = federation.memory().now_mb;
  const std::string job = federation.submit(rounds, sites);
  TRIB_ASSERT(federation.wait(job, std::chrono::seconds(900)), "the job did not finish");
  Path path;
  path.rss_over_model = (federation.memory().peak_mb - idle_mb) / kModelMb;
  pipes.push_back(pipe_gbps(federation));
  path.pipe_gbps = median(pipes);
  std::vector<double> whole, uploads;
  const std::vector<double> all = federation.round_seconds(job);
  for (std::size_t i = 1; i < all.size(); i += 2) whole.push_back(all[i]);
  path.round_seconds = median(whole);
  for (const Seconds& one : clients.uploads()) uploads.push_back(one.count());
  if (uploads.size() > 1) uploads.erase(uploads.begin());  // memory is touched for the first time
  path.ingest_gbps = sites * kModelMb / 1e3 / median(uploads);
  return path;
}

}  // namespace

std::vector<Figure> ten_sites(const std::string& folder, int rounds) {
  const Path ten = measure(folder, 10, rounds);
  const double pipe_round = 2 * 10 * kModelMb / 1e3 / ten.pipe_gbps;
  return {{"ingest_over_pipe", "10 updates of 100 MB, from release to accepted", ten.ingest_gbps,
           ten.pipe_gbps, "GB/s", "bare TLS", 0.7},
          {"round_over_pipe", "a whole round, 10 x 100 MB down and up", ten.round_seconds,
           pipe_round, "s", "bare TLS", 1.4, true},
          {"rss_over_model_10", "coordinator's peak less idle, 10 sites", ten.rss_over_model, 1.0,
           "models", "the model", 4.0, true}};
}

std::vector<Figure> fifty_sites(const std::string& folder) {
  const Path many = measure(folder, 50, 2);
  return {{"rss_over_model_50", "the same, 50 sites", many.rss_over_model, 1.0, "models",
           "the model", 4.0, true}};
}

}  // namespace tributary::bench
