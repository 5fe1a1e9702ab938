// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/site_standing.h"

#include <nlohmann/json.hpp>

namespace tributary {

using Json = nlohmann::json;

std::string standing_to_json(const SiteStanding& standing) {
  return Json{{"site", standing.site.value}, {"kept_out", standing.kept_out},
              {"why", standing.why},         {"by", standing.by},
              {"seen", standing.seen},       {"revoked", standing.revoked}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<SiteStanding> standing_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    SiteStanding standing;
    json.at("site").get_to(standing.site.value);
    json.at("kept_out").get_to(standing.kept_out);
    json.at("why").get_to(standing.why);
    json.at("by").get_to(standing.by);
    json.at("seen").get_to(standing.seen);
    json.at("revoked").get_to(standing.revoked);
    return standing;
  } catch (const Json::exception& error) {
    return make_error(ErrorCode::kDataLoss,
                      std::string("a site's standing in the state store: ") + error.what());
  }
}

}  // namespace tributary
