// SPDX-License-Identifier: Apache-2.0
#include "common/cli/named_file.h"

#include <filesystem>

#include "common/storage/secret_file.h"

namespace tributary {

Error fault_of_named(const std::string& path, Error error) {
  error.code = ErrorCode::kInvalidArgument;
  return error.message.find(path) == std::string::npos ? std::move(error).with_context(path)
                                                       : error;
}

Result<Bytes> read_named(const std::string& path, std::uint64_t bytes_max) {
  auto bytes = make_file_system()->read(path, bytes_max);
  if (!bytes) return fault_of_named(path, std::move(bytes).error());
  return bytes;
}

Status check_place(const std::string& path) {
  const auto wrong = [&](const std::string& why) {
    return make_error(ErrorCode::kInvalidArgument, "write " + path + ": " + why);
  };
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
    return wrong("there is no folder " + folder.string());
  if (std::filesystem::is_directory(path, ignored)) return wrong("it is a folder");
  // A new file takes the name of the old one: of a device, that would be its end.
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    return wrong("it is no regular file");
  return {};
}

namespace {

Status named(const std::string& path, const Status& written) {
  if (written) return {};
  Error error = Error(written.error()).with_context("write " + path);
  return error.code == ErrorCode::kResourceExhausted ? error : fault_of_named(path, error);
}

}  // namespace

Status write_named(const std::string& path, ByteView bytes) {
  TRIB_CHECK_OK(check_place(path));
  return named(path, make_file_system()->write_durably(path, bytes));
}

Status write_named_secret(const std::string& path, const std::string& text) {
  TRIB_CHECK_OK(check_place(path));
  return named(path, write_secret(*make_file_system(), path, text));
}

}  // namespace tributary
