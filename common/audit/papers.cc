// SPDX-License-Identifier: Apache-2.0
#include "common/audit/papers.h"

#include "common/base/limits.h"

namespace tributary {

Result<Papers> read_papers(FileSystem& files, const std::string& certificate,
                           const std::string& key, const std::string& roots) {
  TRIB_TRY(certificate_bytes, files.read(certificate, limits::kConfigBytesMax));
  TRIB_TRY(key_bytes, files.read(key, limits::kConfigBytesMax));
  TRIB_TRY(root_bytes, files.read(roots, limits::kConfigBytesMax));
  TRIB_TRY(signer,
           Signer::make(std::string(as_text(certificate_bytes)), std::string(as_text(key_bytes))));
  return Papers{std::move(signer), std::string(as_text(root_bytes))};
}

}  // namespace tributary
