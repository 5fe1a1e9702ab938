// SPDX-License-Identifier: Apache-2.0
// Sites: real clients (agent, session, transfers, stores, mutual TLS) in this process on one thread
// of their own, which train nothing: their updates lie there ready. One owner; calls from its
// thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/federation.h"

namespace tributary::bench {

using Seconds = std::chrono::duration<double>;

struct SitesOptions {
  int count = 0;
  std::size_t values = 0;  // float32 of the model
  // In each second round, from the first on, the updates are held until all sites have theirs: then
  // the uploads alone are timed.
  bool hold_odd_rounds = false;
};

class Sites {
 public:
  // Makes the updates and connects; `folder` is for what they keep.
  Sites(Federation& federation, const std::string& folder, SitesOptions options);
  ~Sites();

  std::size_t connected() const;
  // Of each round whose updates were held: from their release until the last one is accepted.
  std::vector<Seconds> uploads() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::bench
