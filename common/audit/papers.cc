// SPDX-License-Identifier: Apache-2.0
#include "common/audit/papers.h"

#include "common/base/limits.h"

namespace tributary {
namespace {

Result<std::string> read(FileSystem& files, const std::string& path) {
  TRIB_TRY(bytes, files.read(path, limits::kConfigBytesMax));
  return std::string(as_text(bytes));
}

}  // namespace

Result<Trust> read_trust(FileSystem& files, const TlsFiles& named) {
  TRIB_TRY(roots, read(files, named.ca));
  if (named.crl.empty()) return Trust(std::move(roots));
  TRIB_TRY(lists, read(files, named.crl));
  // An empty text would mean that nobody wants them looked at.
  if (lists.empty())
    return make_error(ErrorCode::kInvalidArgument, named.crl + ": it holds no list");
  return Trust(std::move(roots), std::move(lists));
}

Result<Papers> read_papers(FileSystem& files, const TlsFiles& named) {
  TRIB_TRY(certificates, read(files, named.certificate));
  TRIB_TRY(signer, Signer::load(certificates, named.key));
  TRIB_TRY(trust, read_trust(files, named));
  return Papers{std::move(signer), std::move(trust)};
}

}  // namespace tributary
