// SPDX-License-Identifier: Apache-2.0
// RdpAccountant: adds up Renyi divergences over a fixed set of orders (Mironov 2017, arXiv
// 1702.07476). Each of its bounds holds, and adding one more event costs a sum. The default: pld.h
// is tighter and costs a transform. One thread at a time.
#pragma once

#include <span>
#include <vector>

#include "common/privacy/accounting/dp_event.h"

namespace tributary {

// 1.1 to 10.9 by 0.1, 11 to 63, 128, 256, 512, 1024.
std::span<const double> rdp_orders();

struct RdpEpsilon {
  double epsilon = 0;
  double order = 0;  // the one that gave the least
};

class RdpAccountant {
 public:
  explicit RdpAccountant(Adjacency adjacency, std::span<const double> orders = rdp_orders());

  // kInvalidArgument: check_event's.
  Status add(const DpEvent& event);
  // By Canonne, Kamath, Steinke 2020 (arXiv 2004.00010), proposition 12; `delta` in (0, 1).
  RdpEpsilon epsilon(double delta) const;
  // Per order, of all events.
  const std::vector<double>& divergences() const { return rdp_; }

 private:
  Adjacency adjacency_;
  std::vector<double> orders_, rdp_;
};

}  // namespace tributary
