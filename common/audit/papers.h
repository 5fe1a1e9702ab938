// SPDX-License-Identifier: Apache-2.0
// Papers: what a party signs with, and whose signatures it believes, from the PEM files of its
// configuration. Plain values; the files are read once, a key in a token stays there.
#pragma once

#include "common/crypto/signing.h"
#include "common/domain/tls_files.h"
#include "common/storage/file_system.h"

namespace tributary {

struct Papers {
  Signer signer;
  Trust trust;
};

// Errors name the file that cannot be read, or what does not belong together.
Result<Papers> read_papers(FileSystem& files, const TlsFiles& named);
// The part that is no secret.
Result<Trust> read_trust(FileSystem& files, const TlsFiles& named);

}  // namespace tributary
