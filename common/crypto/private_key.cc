// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/private_key.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "common/base/limits.h"
#include "common/crypto/token_key.h"

namespace tributary {
namespace {

Error wrong_file(const std::string& what, const std::string& path, const std::string& why) {
  return make_error(ErrorCode::kInvalidArgument, what + " " + path + why);
}

}  // namespace

Result<std::string> read_text_file(const std::string& what, const std::string& path) {
  std::string text;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  bool read = file != nullptr;
  if (read) {
    std::array<char, 4096> part;
    while (text.size() <= limits::kConfigBytesMax) {
      const std::size_t size = std::fread(part.data(), 1, part.size(), file);
      if (size == 0) break;
      text.append(part.data(), size);
    }
    read = std::ferror(file) == 0;
  }
  const int system_errno = errno;
  if (file != nullptr) std::fclose(file);
  if (!read) return wrong_file(what, path, std::string(": ") + std::strerror(system_errno));
  if (text.size() > limits::kConfigBytesMax) {
    return wrong_file(what, path,
                      " is larger than " + std::to_string(limits::kConfigBytesMax) + " bytes");
  }
  return text;
}

Result<std::string> read_pem_file(const std::string& what, const std::string& path,
                                  PemContent content, const std::string& other) {
  TRIB_TRY(text, read_text_file(what, path));
  const bool certificate = text.find("CERTIFICATE-----") != std::string::npos;
  const bool key = text.find("PRIVATE KEY-----") != std::string::npos;
  if (content == PemContent::kKey ? key : certificate) return text;
  if (!certificate && !key) return wrong_file(what, path, " holds nothing in PEM format");
  return wrong_file(what, path,
                    std::string(" is a ") + (key ? "private key" : "certificate") +
                        "; is it in the place of " + other + "?");
}

Status check_private(const std::string& what, const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return {};
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode) & 07777u);
  return wrong_file(what, path,
                    std::string(" can be reached by others than its user (mode ") + mode.data() +
                        "); chmod 600 " + path);
}

Result<Key> load_private_key(const std::string& place) {
  if (is_token_uri(place)) {
    TRIB_TRY(uri, parse_token_uri(place));
    return load_token_key(uri);
  }
  TRIB_TRY(text, read_pem_file("key", place, PemContent::kKey, "the certificate"));
  TRIB_CHECK_OK(check_private("key", place));
  Key key = read_key(text);
  if (!key) return openssl_failed("key " + place);
  return key;
}

std::string shown_key(const std::string& place) {
  return is_token_uri(place) ? place.substr(0, place.find('?')) : place;
}

}  // namespace tributary
