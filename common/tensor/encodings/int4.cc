// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/encodings/blocks.h"

namespace tributary {

const UpdateEncoding& int4_update_encoding() {
  static constexpr UpdateEncoding kEncoding = block_encoding<QuantumBits::k4>(
      "int4", "Whole numbers from -7 to 7 under one scale a block, rounded by chance", 256);
  return kEncoding;
}

}  // namespace tributary
