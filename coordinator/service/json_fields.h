// SPDX-License-Identifier: Apache-2.0
// How fields of records stand in their JSON texts (record_json.h). Plain functions, any thread;
// those that read throw what nlohmann throws, which parse() catches.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/domain/task.h"

namespace tributary::json_fields {

using Json = nlohmann::json;

inline std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Reads what `read` reads; whatever nlohmann throws on the way means a damaged record.
template <typename T, typename Read>
Result<T> parse(std::string_view text, std::string_view what, Read read) {
  try {
    return read(Json::parse(text));
  } catch (const std::exception& error) {
    return make_error(ErrorCode::kDataLoss,
                      std::string(what) + " in the state store cannot be read: " + error.what());
  }
}

inline Json blob_to_json(const BlobRef& blob) {
  return {{"digest", blob.digest.hex()}, {"bytes", blob.bytes}};
}

inline Digest digest_of(const Json& json) {
  Result<Digest> digest = digest_from_hex(json.get<std::string>());
  if (!digest) throw std::runtime_error(digest.error().message);
  return *digest;
}

inline BlobRef blob_from_json(const Json& json) {
  return {digest_of(json.at("digest")), json.at("bytes").get<std::uint64_t>()};
}

template <typename T>
Json optional_to_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename T = double>
std::optional<T> optional_from_json(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional<T>(json.get<T>());
}

// A member that records of earlier versions do not have: null there.
inline const Json& member(const Json& json, const char* name) {
  static const Json kNone;
  const auto found = json.find(name);
  return found == json.end() ? kNone : *found;
}

// Figures by name; none in records of earlier versions.
inline std::map<std::string, double> figures_from_json(const Json& json) {
  return json.is_null() ? std::map<std::string, double>{}
                        : json.get<std::map<std::string, double>>();
}

// JSON has no NaN: it reads back as 0, and only figures for people can hold one.
inline double number_of(const Json& json) { return json.is_null() ? 0.0 : json.get<double>(); }

}  // namespace tributary::json_fields
