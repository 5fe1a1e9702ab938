// SPDX-License-Identifier: Apache-2.0
// What SecureSums holds of the sums under way. For secure_sums*.cc only; engine thread.
#pragma once

#include <exception>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/crypto/signing.h"
#include "common/privacy/secagg/sum_notary.h"
#include "common/privacy/secagg/sum_server.h"
#include "coordinator/round/effects.h"
#include "coordinator/round/events.h"
#include "coordinator/service/group_sum.h"
#include "coordinator/service/kept_sums.h"

namespace tributary {

// No memory for a large model costs that try, never the daemon.
template <typename Work>
auto caught(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& error) {
    return make_error(ErrorCode::kResourceExhausted, error.what());
  }
}

// What outlives a sum that is given up: work on the strand and fetches come back to it, and find it
// abandoned.
struct SumUnderWay {
  TaskKey key;    // under which its sites know it: where it goes on after a crash, as it began
  SiteName name;  // under which its update is folded
  std::vector<SiteName> sites;
  Trust trust{""};
  std::unique_ptr<CertificateNotary> notary;
  std::unique_ptr<SumServer> server;
  std::shared_ptr<GroupSum> sum;
  std::set<Digest> inputs;  // that are fetched
  BlobRef kept;             // their sum, masked; none: it is not kept
  bool abandoned = false;
};

struct SumsOfTask {
  MakeSum wanted;
  JobSpec spec;
  std::string document;
  bool loading = false;  // what was kept of it is read
  std::vector<std::shared_ptr<SumUnderWay>> groups;
  std::size_t open = 0;  // groups
  SumMade made;
};

// A kept sum, and the file of its masked inputs, which are those that were kept.
struct SumFound {
  KeptSum sum;
  std::shared_ptr<ReadFile> inputs;
};

}  // namespace tributary
