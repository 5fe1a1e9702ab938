// SPDX-License-Identifier: Apache-2.0
// Bytes as text in base64 (RFC 4648), with padding. Plain function, any thread.
#pragma once

#include <string>

#include "common/base/bytes.h"

namespace tributary {

std::string encode_base64(ByteView bytes);

}  // namespace tributary
