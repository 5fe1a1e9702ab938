// SPDX-License-Identifier: Apache-2.0
// RowStore: where the rows of a site lie. So many bytes of them are ordinary memory; what comes
// beyond lies in files without a name, mapped, of which the kernel holds what is in use. Any
// thread. Whoever holds rows of a store holds the store; a file goes with its rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "common/base/limits.h"

namespace tributary {

class RowStore {
 public:
  // `folder`: of the files, on a disk; it is made where it is not there.
  explicit RowStore(std::string folder, std::uint64_t memory_bytes = limits::kRowsInMemoryMax)
      : folder_(std::move(folder)), memory_bytes_(memory_bytes) {}
  RowStore(const RowStore&) = delete;
  RowStore& operator=(const RowStore&) = delete;

  // std::bad_alloc: neither memory nor disk has room.
  void* allocate(std::size_t bytes);
  void release(void* memory, std::size_t bytes);
  bool is_on_disk(const void* memory) const;
  std::uint64_t bytes_on_disk() const;

 private:
  void* map_file(std::size_t bytes);

  const std::string folder_;
  const std::uint64_t memory_bytes_;
  mutable std::mutex mutex_;
  std::uint64_t in_memory_ = 0;
  std::map<const void*, std::size_t> on_disk_;  // where each mapped file begins, and its bytes
};

// For vectors of rows. Without a store: ordinary memory. A copy lies where its original does.
template <typename T>
class RowAllocator {
 public:
  using value_type = T;
  using propagate_on_container_copy_assignment = std::true_type;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;

  RowAllocator() = default;
  explicit RowAllocator(std::shared_ptr<RowStore> store) : store_(std::move(store)) {}
  template <typename U>
  explicit RowAllocator(const RowAllocator<U>& other) : store_(other.store()) {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(store_ ? store_->allocate(count * sizeof(T))
                                  : ::operator new(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t count) {
    if (store_) return store_->release(memory, count * sizeof(T));
    ::operator delete(memory);
  }
  const std::shared_ptr<RowStore>& store() const { return store_; }
  bool operator==(const RowAllocator& other) const { return store_ == other.store_; }

 private:
  std::shared_ptr<RowStore> store_;
};

template <typename T>
using RowVector = std::vector<T, RowAllocator<T>>;

// Rows in a store are equal to the same values elsewhere.
template <typename T>
bool operator==(const RowVector<T>& rows, const std::vector<T>& values) {
  return std::equal(rows.begin(), rows.end(), values.begin(), values.end());
}

// So that they are on their way from the disk before they are asked for: rows of `width` values, by
// number.
void will_need(const RowVector<float>& values, std::size_t width,
               std::span<const std::uint32_t> rows);

}  // namespace tributary
