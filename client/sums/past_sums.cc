// SPDX-License-Identifier: Apache-2.0
#include "client/sums/past_sums.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

// Names of kKept sums of kSitesMax sites would be more than a file of small records should have.
constexpr std::uint64_t kFileBytesMax = 256u << 20;

Json names_to_json(const std::vector<SiteName>& names) {
  Json json = Json::array();
  for (const SiteName& name : names) json.push_back(name.value);
  return json;
}

std::vector<SiteName> names_from(const Json& json) {
  std::vector<SiteName> names;
  for (const Json& name : json) names.push_back(SiteName{name.get<std::string>()});
  return names;
}

Json to_json(const PastSum& sum) {
  Json json{{"job", sum.key.job.value},
            {"round", sum.key.round},
            {"evaluation", sum.key.kind == TaskKind::kEvaluate},
            {"model", sum.model.hex()},
            {"sharing", names_to_json(sum.sharing)},
            {"adversaries", sum.adversaries},
            {"quorum", sum.quorum}};
  if (sum.survivors) json["survivors"] = names_to_json(*sum.survivors);
  return json;
}

Result<PastSum> from_json(const Json& json) {
  PastSum sum;
  sum.key.job.value = json.at("job").get<std::string>();
  sum.key.round = json.at("round").get<RoundNumber>();
  sum.key.kind = json.at("evaluation").get<bool>() ? TaskKind::kEvaluate : TaskKind::kTrain;
  TRIB_TRY(model, digest_from_hex(json.at("model").get<std::string>()));
  sum.model = model;
  sum.sharing = names_from(json.at("sharing"));
  sum.adversaries = json.at("adversaries").get<std::size_t>();
  sum.quorum = json.at("quorum").get<std::size_t>();
  if (json.contains("survivors")) sum.survivors = names_from(json.at("survivors"));
  return sum;
}

}  // namespace

Result<std::vector<PastSum>> PastSumStore::all() const {
  std::vector<PastSum> sums;
  if (!files_->exists(path_)) return sums;
  TRIB_TRY(bytes, files_->read(path_, kFileBytesMax));
  const Error damaged = make_error(
      ErrorCode::kDataLoss,
      path_ +
          ": the sums that this site gave to cannot be read, so it gives to no other. Bring the "
          "file back from a copy; without one, move it away only if no job goes on from before");
  try {
    for (const Json& json : Json::parse(as_text(bytes))) {
      const auto sum = from_json(json);
      if (!sum) return damaged;
      sums.push_back(*sum);
    }
  } catch (const Json::exception&) {
    return damaged;
  }
  return sums;
}

// Those of the same updates stay: whoever has this site make many sums must not have it forget one.
Status PastSumStore::add(const PastSum& sum) const {
  TRIB_TRY(sums, all());
  std::erase_if(sums, [&sum](const PastSum& one) {
    return is_again(one, sum) && one.sharing == sum.sharing && !one.survivors;
  });
  sums.push_back(sum);
  std::size_t names = 0;
  for (const PastSum& one : sums) names += one.sharing.size();
  while (sums.size() > kKept || names > kNamesKept) {
    const auto oldest =
        std::ranges::find_if(sums, [&sum](const PastSum& one) { return !is_again(one, sum); });
    if (oldest == sums.end()) break;
    names -= oldest->sharing.size();
    sums.erase(oldest);
  }
  Json json = Json::array();
  for (const PastSum& one : sums) json.push_back(to_json(one));
  const std::string text = json.dump() + "\n";
  return files_->write_durably(path_, as_bytes(text));
}

}  // namespace tributary
