// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/token_uri.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "common/base/text.h"

namespace tributary {
namespace {

constexpr std::string_view kScheme = "pkcs11:";
constexpr std::array<std::string_view, 4> kOfToken{"token", "manufacturer", "serial", "model"};
constexpr std::array<std::string_view, 3> kOfObject{"object", "id", "type"};

Error wrong(const std::string& why) { return make_error(ErrorCode::kInvalidArgument, why); }

int digit_of(char c) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  const auto lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::size_t at = kDigits.find(lower);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

Result<std::string> decode(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : digit_of(text[i + 2]);
    if (low < 0) return wrong("a % without two hexadecimal digits");
    plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return plain;
}

using Attributes = std::map<std::string, std::string, std::less<>>;  // as they are written

Result<Attributes> read_attributes(std::string_view text, char separator) {
  Attributes found;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    if (one.empty()) continue;
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos || equals + 1 == one.size())
      return wrong(quoted(one) + " is no NAME=VALUE");
    const std::string name(one.substr(0, equals));
    if (!found.emplace(name, one.substr(equals + 1)).second) return wrong(name + " is there twice");
  }
  return found;
}

bool is_among(const auto& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// An absolute path: a program's working folder is not the configuration's.
Result<std::string> path_in(const Attributes& query, std::string_view name) {
  const auto written = query.find(name);
  if (written == query.end()) return std::string{};
  TRIB_TRY(path, decode(written->second));
  if (path.starts_with("file:")) path.erase(0, 5);
  if (path.starts_with("//")) path.erase(0, 2);
  if (path.starts_with('|')) return wrong(std::string(name) + " runs no program; name a file");
  if (!path.starts_with('/') || path.find('\0') != std::string::npos)
    return wrong(std::string(name) + " has to be an absolute path");
  return path;
}

Result<TokenUri> check(const Attributes& names, const Attributes& query) {
  TokenUri uri;
  for (const auto& [name, value] : names) {
    if (is_among(kOfToken, name)) {
      uri.token += (uri.token.empty() ? "" : ";") + name + "=" + value;
    } else if (!is_among(kOfObject, name)) {
      return wrong(quoted(name) +
                   " is none of token, manufacturer, serial, model, object, id, type");
    }
    TRIB_CHECK_OK(decode(value).has_value() ? Status{} : decode(value).error());
  }
  for (const auto& [name, value] : query) {
    if (name != "module-path" && name != "pin-source")
      return wrong(quoted(name) + " after the ? is none of module-path, pin-source");
  }
  if (uri.token.empty())
    return wrong("it names no token; add token=LABEL, or serial=NUMBER, before the ?");
  if (!names.contains("object") && !names.contains("id"))
    return wrong("it names no key in the token; add object=LABEL, or id=%..., before the ?");
  if (const auto type = names.find("type"); type != names.end() && type->second != "private")
    return wrong("type has to be private");
  TRIB_TRY(module, path_in(query, "module-path"));
  if (module.empty()) {
    return wrong(
        "it does not say which library reaches the token; add ?module-path=/PATH/LIBRARY.so, from "
        "the token's maker");
  }
  TRIB_TRY(pin_file, path_in(query, "pin-source"));
  uri.module = std::move(module);
  uri.pin_file = std::move(pin_file);
  uri.token = std::string(kScheme) + uri.token;
  return uri;
}

}  // namespace

bool is_token_uri(std::string_view key) { return key.starts_with(kScheme); }

Result<TokenUri> parse_token_uri(const std::string& text) {
  if (text.find("pin-value") != std::string::npos) {
    return wrong(
        "key: a PKCS#11 URI with pin-value is not read, as whoever reads the configuration would "
        "have the PIN; put the PIN into a file of mode 0600 and name that with pin-source");
  }
  const std::size_t question = std::min(text.find('?'), text.size());
  const std::string shown = text.substr(0, question);
  const auto of = [&](Error error) {
    return wrong("key " + escaped(shown) + ": " + error.message);
  };
  const auto names = read_attributes(std::string_view(shown).substr(kScheme.size()), ';');
  if (!names) return of(names.error());
  const auto query =
      read_attributes(std::string_view(text).substr(std::min(text.size(), question + 1)), '&');
  if (!query) return of(query.error());
  Result<TokenUri> uri = check(*names, *query);
  if (!uri) return of(uri.error());
  uri->key = shown;
  return uri;
}

}  // namespace tributary
