// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/selection_network.h"

#include <algorithm>
#include <bit>

#include "common/base/assert.h"

namespace tributary {
namespace {

// Without those after which both values stay where they are, in one part, whose order nobody asks
// for: `part` of each wire.
void prune(SelectionNetwork& network, const std::vector<int>& part) {
  std::vector<bool> compared_later(network.wires);
  std::vector<Comparator> kept;
  for (auto one = network.comparators.rbegin(); one != network.comparators.rend(); ++one) {
    if (!compared_later[one->low] && !compared_later[one->high] &&
        part[one->low] == part[one->high])
      continue;
    compared_later[one->low] = compared_later[one->high] = true;
    kept.push_back(*one);
  }
  std::ranges::reverse(kept);
  network.comparators = std::move(kept);
}

}  // namespace

SelectionNetwork sorting_network(std::size_t wires) {
  TRIB_ASSERT(wires <= 1u << 16, "more wires than a comparator can name");
  SelectionNetwork network{wires, {}};
  if (wires < 2) return network;
  const std::size_t top = std::bit_ceil(wires) / 2;
  for (std::size_t p = top; p > 0; p /= 2) {
    std::size_t r = 0, d = p;
    for (std::size_t q = top;; q /= 2) {
      for (std::size_t i = 0; i + d < wires; ++i) {
        if ((i & p) == r) {
          network.comparators.push_back(
              {static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(i + d)});
        }
      }
      if (q == p) break;
      d = q - p;
      r = p;
    }
  }
  return network;
}

SelectionNetwork parting_network(std::size_t wires, std::size_t drop) {
  TRIB_ASSERT(2 * drop < wires, "nothing would be left");
  SelectionNetwork network = sorting_network(wires);
  std::vector<int> part(wires, 1);
  std::fill_n(part.begin(), drop, 0);
  std::fill_n(part.rbegin(), drop, 2);
  prune(network, part);
  return network;
}

}  // namespace tributary
