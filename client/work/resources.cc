// SPDX-License-Identifier: Apache-2.0
#include "client/work/resources.h"

#include <sys/statvfs.h>

#include <fstream>
#include <limits>

namespace tributary {
namespace {

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();
// Weights, gradients, two moments of the optimiser, the update, and its bytes to send.
constexpr std::uint64_t kMemoryCopies = 6;
// The global model, the update, and a checkpoint with two moments.
constexpr std::uint64_t kDiskCopies = 5;

std::uint64_t free_memory() {
  std::ifstream in("/proc/meminfo");
  std::string name, unit;
  std::uint64_t kib = 0;
  while (in >> name >> kib) {
    std::getline(in, unit);
    if (name == "MemAvailable:") return kib << 10;
  }
  return kUnknown;
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

Resources free_resources(const std::string& directory) {
  Resources free{free_memory(), kUnknown};
  struct statvfs disk {};
  if (::statvfs(directory.c_str(), &disk) == 0)
    free.disk_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  return free;
}

Status enough_for(const Resources& free, std::uint64_t model_bytes) {
  const auto lacks = [&](const char* what, std::uint64_t copies, std::uint64_t have) -> Status {
    const std::uint64_t need = copies * model_bytes;
    if (have >= need) return {};
    return make_error(ErrorCode::kResourceExhausted,
                      "a model of " + mebibytes(model_bytes) + " takes about " + mebibytes(need) +
                          " of " + what + ", " + mebibytes(have) + " are free");
  };
  TRIB_CHECK_OK(lacks("memory", kMemoryCopies, free.memory_bytes));
  return lacks("disk", kDiskCopies, free.disk_bytes);
}

}  // namespace tributary
