// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/encoding_cost.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "common/tensor/kernels.h"
#include "common/tensor/update_reader.h"

namespace tributary {
namespace {

constexpr int kTimes = 25;

template <typename Work>
Result<double> shortest(Work work) {
  double best = std::numeric_limits<double>::max();
  for (int i = 0; i < kTimes; ++i) {
    TRIB_TRY(seconds, work());
    best = std::min(best, seconds);
  }
  return best;
}

template <typename Work>
Result<double> seconds_of(Work work) {
  const auto start = std::chrono::steady_clock::now();
  TRIB_CHECK_OK(work());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Status decode(const Bytes& file, std::vector<float>& block) {
  TRIB_TRY(opened, open_update(
                       [&file](std::uint64_t at, MutableByteView into) -> Status {
                         std::ranges::copy(
                             ByteView(file).subspan(static_cast<std::size_t>(at), into.size()),
                             into.begin());
                         return {};
                       },
                       file.size()));
  while (true) {
    TRIB_TRY(count, opened.values->read(block));
    if (count == 0) return {};
  }
}

}  // namespace

Result<EncodingCost> measure_encoding(const EncodingChoice& choice, const Model& update) {
  Bytes file;
  std::vector<float> residual;
  TRIB_TRY(encoding, shortest([&] {
             residual.assign(update.values.size(), 0.0f);
             return seconds_of([&]() -> Status {
               TRIB_TRY(bytes, choice.name == "fp32"
                                   ? encode_update(choice, update.layout, update.values, 1)
                                   : encode_with_feedback(choice, update.layout, update.values,
                                                          residual, 1));
               file = std::move(bytes);
               return {};
             });
           }));
  std::vector<float> block(kBlockValues);
  TRIB_TRY(decoding, shortest([&] { return seconds_of([&] { return decode(file, block); }); }));
  return EncodingCost{encoding, decoding};
}

}  // namespace tributary
