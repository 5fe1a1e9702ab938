// SPDX-License-Identifier: Apache-2.0
#include "common/base/large_array.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace tributary {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = 2u << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

void* allocate_large(std::size_t bytes) {
  const bool huge = bytes >= 2 * kHugePage;
  const std::size_t unit = huge ? kHugePage : kCacheLine;
  const std::size_t size = round_up(bytes, unit);
  void* const memory = size < bytes ? nullptr : std::aligned_alloc(unit, size);
  if (memory == nullptr) throw std::bad_alloc();
  if (huge) ::madvise(memory, size, MADV_HUGEPAGE);  // a hint: small pages do too
  return memory;
}

void release_large(void* memory) { std::free(memory); }

}  // namespace tributary
