// SPDX-License-Identifier: Apache-2.0
// `tributary-client explain`: what a model's answers follow from, on this site's own validation
// rows: report.html, with rows in it, and explanation.json, with sums over them alone;
// `explain merge` joins the latter of several sites. No network. One thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "client/explain/method.h"
#include "common/base/result.h"
#include "common/config/client_file.h"

namespace tributary {

struct ExplainCommand {
  std::string job, model;  // files; no job: the one that the model's metadata has
  std::vector<std::string> methods;
  std::int64_t rows = 200;  // at most; drawn by the seed
  std::string out;          // folder, or merge's page
  std::string baseline = "zeros";
  ExplainOptions options;
  std::vector<std::string> files;  // of merge
};

// The commands; the one that is chosen comes back in `chosen`. `config` reads client.yaml.
void add_explain(CLI::App& app, ExplainCommand& command,
                 std::function<Result<ClientConfig>()> config, std::function<Status()>& chosen);

}  // namespace tributary
