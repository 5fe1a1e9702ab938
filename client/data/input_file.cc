// SPDX-License-Identifier: Apache-2.0
#include "client/data/input_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace tributary {
namespace {

constexpr unsigned kBufferBytes = 1u << 18;  // zlib's own 8 KiB costs a system call each

}  // namespace

InputFile::InputFile(gzFile_s* file) : file_(file, &gzclose) {}

Result<InputFile> InputFile::open(const std::string& path) {
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::status(path, failed);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return make_error(ErrorCode::kInvalidArgument, "is no regular file");
  }
  errno = 0;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    const int reason = errno != 0 ? errno : ENOMEM;
    return system_error(reason, "cannot be opened");
  }
  gzbuffer(file, kBufferBytes);
  return InputFile(file);
}

Result<std::size_t> InputFile::read(MutableByteView into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto step = static_cast<unsigned>(std::min<std::size_t>(into.size() - done, 1u << 30));
    const int got = gzread(file_.get(), into.data() + done, step);
    int code = Z_OK;
    gzerror(file_.get(), &code);
    if (got < 0 || code == Z_BUF_ERROR) {
      return code == Z_ERRNO
                 ? make_error(ErrorCode::kIo, "cannot be read")
                 : make_error(ErrorCode::kDataLoss, "is cut short, or its compression is damaged");
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace tributary
