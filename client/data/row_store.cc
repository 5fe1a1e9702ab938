// SPDX-License-Identifier: Apache-2.0
#include "client/data/row_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

namespace tributary {
namespace {

// Smaller pieces are not worth a file, nor being counted.
constexpr std::size_t kPieceBytes = 64u << 10;

// Made and unlinked at once: it goes with the last mapping of it, also after kill -9.
int open_nameless(const std::string& folder) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const int nameless = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (nameless >= 0) return nameless;
  std::string name = folder + "/rows-XXXXXX";  // file systems without O_TMPFILE
  const int made = ::mkostemp(name.data(), O_CLOEXEC);
  if (made >= 0) ::unlink(name.c_str());
  return made;
}

}  // namespace

void* RowStore::map_file(std::size_t bytes) {
  const int file = open_nameless(folder_);
  if (file < 0) throw std::bad_alloc();
  // Room is taken now: a write to a mapped file on a full disk would be a signal, not an error.
  void* memory = MAP_FAILED;
  if (::posix_fallocate(file, 0, static_cast<off_t>(bytes)) == 0)
    memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

void* RowStore::allocate(std::size_t bytes) {
  if (bytes < kPieceBytes) return ::operator new(bytes);
  {
    const std::lock_guard lock(mutex_);
    if (in_memory_ + bytes <= memory_bytes_) {
      void* memory = ::operator new(bytes);
      in_memory_ += bytes;
      return memory;
    }
  }
  void* memory = map_file(bytes);
  const std::lock_guard lock(mutex_);
  on_disk_[memory] = bytes;
  return memory;
}

void RowStore::release(void* memory, std::size_t bytes) {
  if (bytes >= kPieceBytes) {
    const std::lock_guard lock(mutex_);
    if (on_disk_.erase(memory) > 0) {
      ::munmap(memory, bytes);
      return;
    }
    in_memory_ -= bytes;
  }
  ::operator delete(memory);
}

bool RowStore::is_on_disk(const void* memory) const {
  const std::lock_guard lock(mutex_);
  return on_disk_.contains(memory);
}

std::uint64_t RowStore::bytes_on_disk() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& [memory, bytes] : on_disk_) sum += bytes;
  return sum;
}

void will_need(const RowVector<float>& values, std::size_t width,
               std::span<const std::uint32_t> rows) {
  const std::shared_ptr<RowStore> store = values.get_allocator().store();
  if (!store || !store->is_on_disk(values.data())) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(values.data());  // of a page
  for (const std::uint32_t row : rows) {
    const std::uintptr_t from = row * width * sizeof(float);
    const std::uintptr_t first = from / page * page;
    // Advice: where it is not taken, the row is read when it is used.
    static_cast<void>(::madvise(reinterpret_cast<void*>(start + first),
                                from + width * sizeof(float) - first, MADV_WILLNEED));
  }
}

}  // namespace tributary
