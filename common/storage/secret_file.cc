// SPDX-License-Identifier: Apache-2.0
#include "common/storage/secret_file.h"

#include <sys/stat.h>

namespace tributary {

Status write_secret(FileSystem& files, const std::string& path, const std::string& text) {
  const mode_t before = ::umask(S_IRWXG | S_IRWXO);
  Status written = files.write_durably(path, as_bytes(text));
  ::umask(before);
  return written;
}

}  // namespace tributary
