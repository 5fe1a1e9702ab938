// SPDX-License-Identifier: Apache-2.0
// LargeArray: a vector of plain values for many megabytes, in huge pages where the system gives
// them: the first touch of a small page can cost more than all work on its values. One owner.
#pragma once

#include <cstddef>
#include <vector>

namespace tributary {

void* allocate_large(std::size_t bytes);  // aligned to a cache line; std::bad_alloc
void release_large(void* memory);

template <typename T>
struct LargeAllocator {
  using value_type = T;
  LargeAllocator() = default;
  template <typename U>
  explicit LargeAllocator(const LargeAllocator<U>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(allocate_large(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t) { release_large(memory); }
  bool operator==(const LargeAllocator&) const = default;
};

template <typename T>
using LargeArray = std::vector<T, LargeAllocator<T>>;

}  // namespace tributary
