// SPDX-License-Identifier: Apache-2.0
// tributary-sim: whole federations, one for each seed, through faults of network, disks and
// processes on a virtual clock. Exit status 0 only if every seed is clean.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

#include "common/cli/command_line.h"
#include "tests/sim/world.h"

int main(int argc, char** argv) {
  CLI::App app{
      "Runs simulated federations, one for each seed, with killed processes, broken and stalled\n"
      "connections, full disks, lying sites and meddling operators, and checks what must hold at\n"
      "every step.",
      "tributary-sim"};
  tributary::prepare_command_line(app);
  std::uint64_t seeds = 1000, from = 0;
  bool verbose = false, expect_failure = false;
  app.add_option("--seeds", seeds, "How many")->capture_default_str();
  app.add_option("--from", from, "The first")->capture_default_str();
  app.add_flag("--expect-failure", expect_failure,
               "For a program that is wrong on purpose: end well at the first seed that notices");
  app.add_flag("--verbose", verbose, "Tell what happens, step by step");
  if (const auto ended = tributary::parse_command_line(app, argc, argv)) return *ended;
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t failures = 0, steps = 0, rounds = 0, crashes = 0;
  for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
    tributary::sim::World world(seed, verbose);
    const tributary::sim::Verdict verdict = world.run();
    steps += verdict.steps;
    rounds += verdict.rounds;
    if ((seed - from + 1) % 10'000 == 0)
      std::fprintf(stderr, "%llu of %llu seeds, %llu failures\n",
                   static_cast<unsigned long long>(seed - from + 1),
                   static_cast<unsigned long long>(seeds),
                   static_cast<unsigned long long>(failures));
    crashes += verdict.crashes;
    if (verdict.clean) continue;
    ++failures;
    std::printf("seed %llu: %s\n  replay: tributary-sim --seeds 1 --from %llu --verbose\n",
                static_cast<unsigned long long>(seed), verdict.what.c_str(),
                static_cast<unsigned long long>(seed));
    if (expect_failure) return 0;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%llu steps, %llu rounds committed, %llu kills\n",
              static_cast<unsigned long long>(steps), static_cast<unsigned long long>(rounds),
              static_cast<unsigned long long>(crashes));
  std::printf("%llu seeds, %llu failures, %.1f s\n", static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(failures), seconds);
  return (failures == 0) != expect_failure ? 0 : 1;
}
