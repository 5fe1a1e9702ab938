// SPDX-License-Identifier: Apache-2.0
// SelectionNetwork: comparators that put the values of a column in order, or only part the lowest
// and the highest from the rest: the same steps for every column, so that many columns go through
// at once. Batcher's merge exchange for any number of wires (Knuth, The Art of Computer Programming
// 3, 5.2.2 algorithm M), without the comparators that change nothing of what is asked for. Plain
// values, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tributary {

struct Comparator {
  std::uint16_t low;   // where the smaller of the two values goes
  std::uint16_t high;  // above `low`
};

struct SelectionNetwork {
  std::size_t wires = 0;
  std::vector<Comparator> comparators;  // in the order in which they run
};

// The values of wires 0, 1, ... ascend. At most 65536 wires.
SelectionNetwork sorting_network(std::size_t wires);
// The `drop` smallest values on the first wires, the `drop` largest on the last, each part and the
// middle in any order. 2 * drop < wires.
SelectionNetwork parting_network(std::size_t wires, std::size_t drop);

}  // namespace tributary
