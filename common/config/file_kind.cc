// SPDX-License-Identifier: Apache-2.0
#include "common/config/file_kind.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/crypto/identity.h"

namespace tributary {
namespace {

struct Kind {
  std::string name;
  std::set<std::string> keys;
};

const std::array<Kind, 7>& kinds() {
  static const std::array<Kind, 7> kKinds = {
      {{"a job file",
        {"name", "seed", "model", "data", "transfer", "train", "aggregate", "rounds", "evaluate"}},
       {"a coordinator.yaml",
        {"listen", "state_dir", "tls", "sites", "log", "threads", "running_jobs", "upload_memory",
         "staging_memory", "roles", "oidc"}},
       {"a client.yaml",
        {"coordinator", "server_name", "state_dir", "tls", "datasets", "log", "threads", "device",
         "checkpoint_every", "policy"}},
       {"a tributaryctl.yaml", {"coordinator", "server_name", "tls", "bearer_file"}},
       {"a federation.yaml", {"federation", "coordinator", "sites", "evaluators", "operators"}},
       {"a policy.yaml",
        {"approval",
         "require_signature",
         "submitters",
         "submitter_roles",
         "coordinators",
         "hours",
         "datasets",
         "model_families",
         "torchscript",
         "losses",
         "optimizers",
         "algorithms",
         "trains_as_root",
         "limits",
         "local_tensors",
         "secure_aggregation",
         "differential_privacy",
         "metrics",
         "bandwidth",
         "privacy"}},
       {"a roles.yaml", {kOperatorRoles.begin(), kOperatorRoles.end()}}}};
  return kKinds;
}

}  // namespace

Status refuse_other_kinds(FileKind wanted, Section& root, YamlDocument& document) {
  const std::vector<std::string> keys = root.keys();
  const auto fitting = [&keys](const Kind& kind) {
    return std::ranges::count_if(keys, [&](const auto& key) { return kind.keys.contains(key); });
  };
  const Kind& own = kinds()[static_cast<std::size_t>(wanted)];
  const Kind& likely = *std::ranges::max_element(kinds(), {}, fitting);
  // One key more is a slip of the pen; two are another file.
  if (fitting(likely) < fitting(own) + 2) return {};
  root.fault("", "this looks like " + likely.name + "; " + own.name + " is wanted here");
  root.ignore_rest();
  return document.finish();
}

}  // namespace tributary
