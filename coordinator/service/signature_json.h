// SPDX-License-Identifier: Apache-2.0
// The signature of a job in its record. For record_json.cc only. Any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "common/domain/task.h"

namespace tributary {

inline nlohmann::json signature_to_json(const JobSignature& signature) {
  std::vector<int> bytes;
  for (const std::byte one : signature.bytes) bytes.push_back(static_cast<int>(one));
  return nlohmann::json::array({signature.signed_wall_ms, signature.certificates, bytes});
}

// Records of earlier versions have none.
inline JobSignature signature_from_json(const nlohmann::json& json) {
  JobSignature to;
  if (json.is_null()) return to;
  to.signed_wall_ms = json.at(0).get<std::int64_t>();
  to.certificates = json.at(1).get<std::string>();
  for (const auto& one : json.at(2)) to.bytes.push_back(static_cast<std::byte>(one.get<int>()));
  return to;
}

}  // namespace tributary
