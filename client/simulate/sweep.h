// SPDX-License-Identifier: Apache-2.0
// Several jobs over the same sites, as a table in Markdown on stdout: what each withstands, every
// job under every attack; or, without attacks, what its updates cost. One thread, and the pools of
// the federations.
#pragma once

#include <string>
#include <vector>

#include "client/simulate/site_source.h"
#include "common/base/result.h"

namespace tributary {

struct SweepOptions {
  std::vector<std::string> jobs;     // files
  std::vector<std::string> attacks;  // as parse_attack reads them
  SiteOptions sites;
  std::size_t threads = 1;
  std::string directory;
};

// A job that cannot be done is a cell that says why; fails where the options make no sense.
Status sweep(const SweepOptions& options);

}  // namespace tributary
