// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/enrolment.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace tributary {

using Json = nlohmann::json;

namespace {

constexpr std::array kStates = {std::pair{EnrolmentState::kInvited, "invited"},
                                std::pair{EnrolmentState::kRequested, "requested"},
                                std::pair{EnrolmentState::kIssued, "issued"},
                                std::pair{EnrolmentState::kDenied, "denied"}};

const char* name_of(EnrolmentState state) {
  return kStates.at(static_cast<std::size_t>(state)).second;
}

}  // namespace

std::string enrolment_to_json(const Enrolment& enrolment) {
  const EnrolmentRow& row = enrolment.row;
  return Json{{"site", row.site.value},
              {"role", row.role},
              {"renewal", row.renewal},
              {"state", name_of(row.state)},
              {"request", row.request},
              {"fingerprint", row.fingerprint},
              {"address", row.address},
              {"by", row.by},
              {"why", row.why},
              {"changed_ms", row.changed_wall_ms},
              {"until_ms", row.until_wall_ms},
              {"token_sha256", to_hex(enrolment.token_hash.bytes)},
              {"certificates", enrolment.certificates}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Enrolment> enrolment_from_json(std::string_view text) {
  const auto lost = [](const std::string& why) {
    return make_error(ErrorCode::kDataLoss, "an enrolment in the state store: " + why);
  };
  try {
    const Json json = Json::parse(text);
    Enrolment enrolment;
    EnrolmentRow& row = enrolment.row;
    json.at("site").get_to(row.site.value);
    json.at("role").get_to(row.role);
    json.at("renewal").get_to(row.renewal);
    json.at("request").get_to(row.request);
    json.at("fingerprint").get_to(row.fingerprint);
    json.at("address").get_to(row.address);
    json.at("by").get_to(row.by);
    json.at("why").get_to(row.why);
    json.at("changed_ms").get_to(row.changed_wall_ms);
    json.at("until_ms").get_to(row.until_wall_ms);
    json.at("certificates").get_to(enrolment.certificates);
    const auto hash = digest_from_hex(json.at("token_sha256").get<std::string>());
    if (!hash) return lost("token_sha256");
    enrolment.token_hash = *hash;
    const auto state = json.at("state").get<std::string>();
    const auto known =
        std::ranges::find_if(kStates, [&](const auto& one) { return one.second == state; });
    if (known == kStates.end()) return lost("state " + state);
    row.state = known->first;
    return enrolment;
  } catch (const Json::exception& error) {
    return lost(error.what());
  }
}

}  // namespace tributary
