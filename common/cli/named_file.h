// SPDX-License-Identifier: Apache-2.0
// Files that the user has named. That one is missing, cannot be read or has the wrong content is
// wrong usage (kInvalidArgument); a full disk is not. Plain functions, any thread.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tributary {

// Errors name `path` if they did not yet.
Error fault_of_named(const std::string& path, Error error);

Result<Bytes> read_named(const std::string& path, std::uint64_t bytes_max);
// That a file can be written there, as far as that is known before.
Status check_place(const std::string& path);
// All or nothing.
Status write_named(const std::string& path, ByteView bytes);
// The same for its user alone (secret_file.h).
Status write_named_secret(const std::string& path, const std::string& text);

}  // namespace tributary
