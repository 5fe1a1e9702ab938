// SPDX-License-Identifier: Apache-2.0
// InputFile: a file of a dataset read from its start, plain or .gz (zlib reads both). Inside this
// room only. One thread. Its faults say what happened and never the path; the loader adds that for
// the site's own log.
#pragma once

#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

struct gzFile_s;

namespace tributary {

class InputFile {
 public:
  // Regular files only: a pipe would hold the site up.
  static Result<InputFile> open(const std::string& path);

  // Fewer bytes than asked for only at the end of the file. A .gz that is cut short or damaged is
  // an error, at the latest when its end is read.
  Result<std::size_t> read(MutableByteView into);

 private:
  explicit InputFile(gzFile_s* file);

  std::unique_ptr<gzFile_s, int (*)(gzFile_s*)> file_;
};

}  // namespace tributary
