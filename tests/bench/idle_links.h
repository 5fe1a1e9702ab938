// SPDX-License-Identifier: Apache-2.0
// IdleLinks: sites that have connected, each with a certificate of its own, and do nothing but
// answer heartbeats. On a thread of their own; one owner.
#pragma once

#include <memory>

#include "tests/bench/federation.h"

namespace tributary::bench {

class IdleLinks {
 public:
  IdleLinks(Federation& federation, int count);
  ~IdleLinks();

  std::size_t connected() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::bench
