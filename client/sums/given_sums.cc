// SPDX-License-Identifier: Apache-2.0
#include "client/sums/given_sums.h"

#include <nlohmann/json.hpp>

#include "common/base/short_number.h"
#include "common/privacy/accounting/calibration.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

// A name and a number for each job that there ever was.
constexpr std::uint64_t kFileBytesMax = 64u << 20;

}  // namespace

Result<std::map<std::string, std::uint64_t>> GivenSums::all() const {
  if (!files_->exists(path_)) return std::map<std::string, std::uint64_t>{};
  TRIB_TRY(bytes, files_->read(path_, kFileBytesMax));
  try {
    return Json::parse(as_text(bytes)).get<std::map<std::string, std::uint64_t>>();
  } catch (const Json::exception&) {
    return make_error(ErrorCode::kDataLoss,
                      path_ +
                          ": how many sums this site gave to cannot be read, so it gives to no "
                          "other that hides sites. Bring the file back from a copy; without one, "
                          "move it away only if no job goes on from before");
  }
}

Result<std::uint64_t> GivenSums::count(const JobId& job) const {
  TRIB_TRY(counts, all());
  const auto found = counts.find(job.value);
  return found == counts.end() ? 0 : found->second;
}

Status GivenSums::add(const JobId& job) const {
  TRIB_TRY(counts, all());
  ++counts[job.value];
  const std::string text = Json(counts).dump() + "\n";
  return files_->write_durably(path_, as_bytes(text));
}

Status permits_one_more(const SitePrivacy& promise, std::uint64_t given) {
  const DpEvent event{DpMechanism::kGaussian, DpSampling::kEverything, 1.0,
                      promise.noise_multiplier, given + 1};
  TRIB_TRY(epsilon,
           epsilon_of({event}, Adjacency::kAddOrRemoveOne, promise.delta, DpAccounting::kRdp));
  if (epsilon <= promise.max_epsilon) return {};
  return make_error(ErrorCode::kFailedPrecondition,
                    "privacy.sites.max_epsilon is " + short_number(promise.max_epsilon) +
                        ", and this site has given to " + std::to_string(given) +
                        " sums of the job: one more would make it epsilon " +
                        short_number(epsilon) + " at delta " + short_number(promise.delta));
}

}  // namespace tributary
