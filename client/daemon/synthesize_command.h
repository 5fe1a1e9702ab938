// SPDX-License-Identifier: Apache-2.0
// `tributary-client synthesize`: rows that a federated model makes, as a file, and a page that
// holds them against a site's real rows. One thread; beside a running daemon. It writes only the
// files it was told to.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tributary {

struct SynthesizeOptions {
  std::string job, model, out;  // files
  std::int64_t rows = 1000;
  std::uint64_t seed = 1;
  std::vector<std::string> whole;   // columns
  std::string real;                 // dataset of client.yaml
  std::string report;               // file
  std::vector<std::string> labels;  // columns that the page judges by
  bool shareable = false;
};

// `config`: the path of client.yaml, which is read where `real` is given.
Status synthesize(const SynthesizeOptions& options, const std::string& config);
void add_synthesize(CLI::App& app, SynthesizeOptions& options, const std::string& config,
                    std::function<Status()>& chosen);

}  // namespace tributary
