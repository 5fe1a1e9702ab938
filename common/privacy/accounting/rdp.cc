// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/rdp.h"

#include <algorithm>
#include <cmath>

#include "common/privacy/accounting/subsampled_rdp.h"

namespace tributary {
namespace {

std::vector<double> usual_orders() {
  std::vector<double> orders;
  for (int tenths = 11; tenths < 110; ++tenths) orders.push_back(tenths / 10.0);
  for (int whole = 11; whole < 64; ++whole) orders.push_back(whole);
  for (const int whole : {128, 256, 512, 1024}) orders.push_back(whole);
  return orders;
}

std::vector<double> divergences_of(const DpEvent& event, double z, std::span<const double> orders) {
  if (event.sampling == DpSampling::kFixedSize && event.rate < 1)
    return fixed_size_rdp(event.rate, z, orders);
  std::vector<double> rdp;
  rdp.reserve(orders.size());
  for (const double order : orders)
    rdp.push_back(event.rate < 1 ? poisson_rdp(event.rate, z, order) : order / (2 * z * z));
  return rdp;
}

}  // namespace

std::span<const double> rdp_orders() {
  static const std::vector<double> orders = usual_orders();
  return orders;
}

RdpAccountant::RdpAccountant(Adjacency adjacency, std::span<const double> orders)
    : adjacency_(adjacency), orders_(orders.begin(), orders.end()), rdp_(orders.size(), 0.0) {}

Status RdpAccountant::add(const DpEvent& event) {
  TRIB_CHECK_OK(check_event(event, adjacency_));
  const std::vector<double> one = divergences_of(event, relative_noise(event, adjacency_), orders_);
  const double times = static_cast<double>(applications_of(event));
  for (std::size_t i = 0; i < rdp_.size(); ++i) rdp_[i] += times * one[i];
  return {};
}

RdpEpsilon RdpAccountant::epsilon(double delta) const {
  RdpEpsilon least{std::numeric_limits<double>::infinity(), 0};
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    const double order = orders_[i];
    if (rdp_[i] == 0) return {0, order};  // neighbours look the same
    const double epsilon =
        rdp_[i] + std::log1p(-1 / order) - (std::log(delta) + std::log(order)) / (order - 1);
    if (epsilon < least.epsilon) least = {std::max(0.0, epsilon), order};
  }
  return least;
}

}  // namespace tributary
