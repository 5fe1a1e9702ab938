// SPDX-License-Identifier: Apache-2.0
// What federation is worth: the federated model, each site's model of its own, and one of all rows
// pooled, all judged on the validation rows of all sites together. One thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/simulate/virtual_sites.h"
#include "common/base/result.h"
#include "common/domain/evaluation.h"

namespace tributary {

struct ComparedModel {
  std::string name;  // "federated", "hospital-1 alone", "all data pooled"
  std::uint64_t training_rows = 0;
  EvaluationFigures figures;                      // on the validation rows of all sites
  std::map<SiteName, EvaluationFigures> by_site;  // on each site's own
};

// Local and pooled models start from the same initial model and see as many passes over their rows
// as the federation.
Result<std::vector<ComparedModel>> compare_models(const JobSpec& job, ByteView module_file,
                                                  std::vector<VirtualSite>& sites,
                                                  const Model* federated);

}  // namespace tributary
