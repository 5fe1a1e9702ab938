// SPDX-License-Identifier: Apache-2.0
// The decoders of bytes that somebody else wrote, each as a function that a fuzzer calls: it says
// whether it understood them, and checks what must hold of whatever it understood. One thread.
#pragma once

#include <span>
#include <string_view>

#include "common/base/bytes.h"

namespace tributary {

struct FuzzTarget {
  std::string_view name;  // of its folder in tests/fuzz/corpus too
  bool (*decode)(ByteView bytes);
};

std::span<const FuzzTarget> fuzz_targets();  // generated

}  // namespace tributary
