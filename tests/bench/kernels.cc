// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/kernels.h"

#include <benchmark/benchmark.h>

#include <map>

#include "common/base/random_source.h"
#include "common/tensor/kernels.h"
#include "common/tensor/row_kernels.h"

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
        halves(count),
        words(count, 0x12345),
        a(count * kFoldBytes / kTriadBytes),
        b(a.size(), 1.0),
        c(a.size(), 2.0) {
    SeededRandom random(1);
    for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
    for (std::uint16_t& half : halves)
      half = static_cast<std::uint16_t>(0x3800 + random.uniform_below(0x400));
  }
  std::vector<float> values;
  std::vector<std::int64_t> sums;
  std::vector<std::uint16_t> halves;  // far from the least and the largest, as either type
  std::vector<std::uint32_t> words;
  std::vector<double> a, b, c;
};

void moved(benchmark::State& state, std::size_t bytes) {
  benchmark::ClobberMemory();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void fold(benchmark::State& state, Vectors& of) {
  for (auto _ : state) fold_fp32(of.values, 0x1p20 * 37.0, of.sums);
  moved(state, of.values.size() * kFoldBytes);
}

// The values' own bits as words under a mask.
void add_words(benchmark::State& state, Vectors& of) {
  const std::span<const std::uint32_t> masked(
      reinterpret_cast<const std::uint32_t*>(of.values.data()), of.values.size());
  for (auto _ : state) add_modular(masked, 24, of.words);
  moved(state, of.words.size() * 3 * sizeof(std::uint32_t));
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

// The values as updates of so many sites, which lie one after another.
constexpr std::size_t kSites = 20;

template <typename Join>
void for_blocks(benchmark::State& state, const Vectors& of, Join join) {
  const std::size_t size = of.values.size() / kSites;
  std::vector<double> into(kBlockValues);
  for (auto _ : state) {
    for (std::size_t at = 0; at < size; at += kBlockValues) {
      const std::size_t count = std::min(kBlockValues, size - at);
      std::vector<const float*> rows;
      for (std::size_t r = 0; r < kSites; ++r) rows.push_back(of.values.data() + r * size + at);
      join(RowBlock{rows, count}, std::span(into).first(count));
      benchmark::DoNotOptimize(into.data());
    }
  }
  moved(state, size * kSites * sizeof(float));
}

void median(benchmark::State& state, Vectors& of) {
  const std::size_t drop = (kSites - 1) / 2;
  for_blocks(state, of,
             [&, parting = parting_network(kSites, drop)](const RowBlock& block, auto into) {
               middle_means(block, parting, drop, into);
             });
}

void trimmed_mean(benchmark::State& state, Vectors& of) {
  const std::size_t drop = kSites / 5;
  for_blocks(state, of,
             [&, parting = parting_network(kSites, drop)](const RowBlock& block, auto into) {
               middle_means(block, parting, drop, into);
             });
}

void near_median(benchmark::State& state, Vectors& of) {
  for_blocks(state, of, [sorting = sorting_network(kSites)](const RowBlock& block, auto into) {
    means_near_median(block, sorting, kSites - kSites / 5, into);
  });
}

void products(benchmark::State& state, Vectors& of) {
  std::vector<double> products(kSites * kSites);
  for_blocks(state, of, [&](const RowBlock& block, auto) { add_products(block, products); });
  benchmark::DoNotOptimize(products.data());
}

void combine(benchmark::State& state, Vectors& of) {
  const std::vector<double> factors(kSites, 0.05);
  for_blocks(state, of,
             [&](const RowBlock& block, auto into) { combine_rows(block, factors, into); });
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

// An update's values as its reader gives them: block after block into one that stays in the cache,
// where it is folded next. Counted in bytes of float32, which a plain update would read instead.
template <typename Stored, typename Widen>
void widen_blocks(benchmark::State& state, Vectors& of, const Widen& widen) {
  const std::span<const Stored> stored(reinterpret_cast<const Stored*>(of.values.data()),
                                       of.values.size() * sizeof(float) / sizeof(Stored));
  std::vector<float> block(kBlockValues);
  for (auto _ : state) {
    for (std::size_t at = 0; at < stored.size(); at += kBlockValues) {
      const auto part = stored.subspan(at, std::min(kBlockValues, stored.size() - at));
      widen(part, std::span(block).first(part.size()));
      benchmark::DoNotOptimize(block.data());
    }
  }
  moved(state, stored.size() * sizeof(float));
}

void decode_fp16(benchmark::State& state, Vectors& of) {
  widen_blocks<std::uint16_t>(state, of, widen_fp16);
}

void decode_bf16(benchmark::State& state, Vectors& of) {
  widen_blocks<std::uint16_t>(state, of, widen_bf16);
}

constexpr std::size_t kScaleBlock = 1'024;

void decode_int8(benchmark::State& state, Vectors& of) {
  widen_blocks<std::int8_t>(
      state, of, [](std::span<const std::int8_t> quanta, std::span<float> into) {
        for (std::size_t at = 0; at < quanta.size(); at += kScaleBlock) {
          const std::size_t count = std::min(kScaleBlock, quanta.size() - at);
          widen_int8(quanta.subspan(at, count), 0.01f, into.subspan(at, count));
        }
      });
}

// Encoded values into the sum: their bytes are read once, the sums as above.
template <auto kFold>
void fold_halves(benchmark::State& state, Vectors& of) {
  for (auto _ : state) kFold(of.halves, 0x1p20 * 37.0, of.sums);
  moved(state, of.halves.size() * (kFoldBytes - sizeof(float) + sizeof(std::uint16_t)));
}

void fold_blocks(benchmark::State& state, Vectors& of) {
  const std::span<const std::int8_t> quanta(reinterpret_cast<const std::int8_t*>(of.values.data()),
                                            of.values.size());
  const std::span<std::int64_t> sums(of.sums);
  for (auto _ : state) {
    for (std::size_t at = 0; at < quanta.size(); at += kScaleBlock) {
      const std::size_t count = std::min(kScaleBlock, quanta.size() - at);
      fold_int8(quanta.subspan(at, count), 0.01f, 0x1p20 * 37.0, sums.subspan(at, count));
    }
  }
  moved(state, quanta.size() * (kFoldBytes - sizeof(float) + sizeof(std::int8_t)));
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

// The median speed of each kernel, by its name.
std::map<std::string, double> speeds(std::size_t values, int repetitions) {
  Vectors vectors(values);
  const auto add = [&](const char* name, void (*run)(benchmark::State&, Vectors&)) {
    benchmark::RegisterBenchmark(name,
                                 [run, &vectors](benchmark::State& state) { run(state, vectors); })
        ->Repetitions(repetitions)
        ->MinTime(0.1)
        ->ReportAggregatesOnly();
  };
  add("fold", fold);
  add("fold_fp16", fold_halves<fold_fp16>);
  add("fold_bf16", fold_halves<fold_bf16>);
  add("fold_int8", fold_blocks);
  add("modular_add", add_words);
  add("examine", examine);
  add("median", median);
  add("trimmed_mean", trimmed_mean);
  add("near_median", near_median);
  add("products", products);
  add("combine", combine);
  add("decode_fp16", decode_fp16);
  add("decode_bf16", decode_bf16);
  add("decode_int8", decode_int8);
  add("triad", triad);
  add("read", read);
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians);
  benchmark::ClearRegisteredBenchmarks();
  return medians.of;
}

}  // namespace

std::vector<Figure> kernel_figures(std::size_t values, int repetitions) {
  const std::map<std::string, double> speed = speeds(values, repetitions);
  const auto over = [&](const std::string& limit, const std::string& kernel,
                        const std::string& what, double target) {
    return Figure{kernel + "_over_" + limit,
                  what + ", one thread",
                  speed.at(kernel),
                  speed.at(limit),
                  "GB/s",
                  limit == "read" ? "reading once" : limit,
                  target};
  };
  return {over("triad", "fold", "fold fp32 into the exact sum", 0.8),
          over("triad", "fold_fp16", "decode fp16 and fold it into the exact sum", 0.8),
          over("triad", "fold_bf16", "decode bf16 and fold it into the exact sum", 0.8),
          over("triad", "fold_int8", "decode int8 and fold it into the exact sum", 0.8),
          over("triad", "modular_add", "add words modulo 2^24", 0.8),
          over("read", "examine", "check values and take their norm", 0.8),
          over("read", "median", "coordinate median of 20 updates", 0.33),
          over("read", "trimmed_mean", "trimmed mean of 20 updates without 4 at each end", 0.33),
          over("read", "near_median", "mean of the 16 of 20 updates nearest the median", 0.25),
          over("read", "products", "dot products of 20 updates, each with each", 0.25),
          over("read", "combine", "weighted sum of 20 updates", 0.5),
          over("read", "decode_fp16", "decode fp16 to float32", 0.8),
          over("read", "decode_bf16", "decode bf16 to float32", 0.8),
          over("read", "decode_int8", "decode int8 to float32", 0.8)};
}

}  // namespace tributary::bench
