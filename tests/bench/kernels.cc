// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/kernels.h"

#include <benchmark/benchmark.h>

#include <map>

#include "common/base/random_source.h"
#include "common/tensor/kernels.h"

namespace tributary::bench {
namespace {

// Bytes that one pass over a value moves.
constexpr std::size_t kFoldBytes =
    sizeof(float) + 2 * sizeof(std::int64_t);  // sums are read and written
constexpr std::size_t kTriadBytes = 3 * sizeof(double);

struct Vectors {
  explicit Vectors(std::size_t count)
      : values(count),
        sums(count),
        a(count * kFoldBytes / kTriadBytes),
        b(a.size(), 1.0),
        c(a.size(), 2.0) {
    SeededRandom random(1);
    for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
  }
  std::vector<float> values;
  std::vector<std::int64_t> sums;
  std::vector<double> a, b, c;
};

void moved(benchmark::State& state, std::size_t bytes) {
  benchmark::ClobberMemory();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void fold(benchmark::State& state, Vectors& of) {
  for (auto _ : state) fold_fixed_point(of.values, 0x1p20 * 37.0, of.sums);
  moved(state, of.values.size() * kFoldBytes);
}

void examine(benchmark::State& state, Vectors& of) {
  const std::span<const float> values(of.values);
  for (auto _ : state) {
    double squares = 0.0;
    for (std::size_t at = 0; at < values.size(); at += kBlockValues)
      squares += examine_block(values.subspan(at, std::min(kBlockValues, values.size() - at)), 10.0)
                     .squares;
    benchmark::DoNotOptimize(squares);
  }
  moved(state, of.values.size() * sizeof(float));
}

// McCalpin's STREAM triad.
void triad(benchmark::State& state, Vectors& of) {
  for (auto _ : state) {
    for (std::size_t i = 0; i < of.a.size(); ++i) of.a[i] = of.b[i] + 3.0 * of.c[i];
    benchmark::ClobberMemory();
  }
  moved(state, of.a.size() * kTriadBytes);
}

// Reads as many bytes as there are values, and does nothing with them.
void read(benchmark::State& state, Vectors& of) {
  for (auto _ : state) {
    std::uint64_t sum = 0;
    const auto* words = reinterpret_cast<const std::uint32_t*>(of.values.data());
    for (std::size_t i = 0; i < of.values.size(); ++i) sum += words[i];
    benchmark::DoNotOptimize(sum);
  }
  moved(state, of.values.size() * sizeof(float));
}

// Keeps the median speeds in GB/s, and prints nothing.
class Medians final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.aggregate_name == "median")
        of[run.run_name.function_name] = run.counters.at("bytes_per_second").value / 1e9;
    }
  }
  std::map<std::string, double> of;
};

}  // namespace

std::vector<Figure> kernel_figures(std::size_t values, int repetitions) {
  Vectors vectors(values);
  const auto add = [&](const char* name, void (*run)(benchmark::State&, Vectors&)) {
    benchmark::RegisterBenchmark(name,
                                 [run, &vectors](benchmark::State& state) { run(state, vectors); })
        ->Repetitions(repetitions)
        ->MinTime(0.1)
        ->ReportAggregatesOnly();
  };
  add("fold", fold);
  add("examine", examine);
  add("triad", triad);
  add("read", read);
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians);
  benchmark::ClearRegisteredBenchmarks();
  return {{"fold_over_triad", "fold fp32 into the exact sum, one thread", medians.of["fold"],
           medians.of["triad"], "GB/s", "triad", 0.8},
          {"examine_over_read", "check values and take their norm, one thread",
           medians.of["examine"], medians.of["read"], "GB/s", "reading once", 0.8}};
}

}  // namespace tributary::bench
