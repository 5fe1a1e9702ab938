// SPDX-License-Identifier: Apache-2.0
// Papers: what a party signs with, and the roots to which the signatures of others lead, from the
// PEM files of its configuration. Plain values; the files are read once.
#pragma once

#include <string>

#include "common/crypto/signing.h"
#include "common/storage/file_system.h"

namespace tributary {

struct Papers {
  Signer signer;
  std::string roots;  // PEM
};

// Errors name the file that cannot be read, or what does not belong together.
Result<Papers> read_papers(FileSystem& files, const std::string& certificate,
                           const std::string& key, const std::string& roots);

}  // namespace tributary
