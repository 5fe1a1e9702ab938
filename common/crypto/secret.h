// SPDX-License-Identifier: Apache-2.0
// Secrets that are told to people and programs: made by OpenSSL's generator, compared in a time
// that says nothing. Any thread.
#pragma once

#include <string>

#include "common/base/bytes.h"

namespace tributary {

std::string make_token();  // 128 bits, 32 hexadecimal digits
// Of two hashes of secrets.
bool is_same_secret(const Digest& one, const Digest& other);

}  // namespace tributary
