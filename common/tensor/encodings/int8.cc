// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/encodings/blocks.h"

namespace tributary {

const UpdateEncoding& int8_update_encoding() {
  static constexpr UpdateEncoding kEncoding = block_encoding<QuantumBits::k8>(
      "int8", "Whole numbers from -127 to 127 under one scale a block, rounded by chance", 1024);
  return kEncoding;
}

}  // namespace tributary
