// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/kept_sums.h"

#include <algorithm>
#include <span>
#include <utility>

#include "common/crypto/digest.h"
#include "coordinator/service/json_fields.h"

namespace tributary {
namespace {

using namespace json_fields;

// A thousand sites with certificates of 8 KiB.
constexpr std::uint64_t kFileBytesMax = 64u << 20;
constexpr std::string_view kEnding = ".json";

void bytes_from(const Json& json, MutableByteView into) {
  const std::string text = json.get<std::string>();
  if (text.size() != 2 * into.size()) throw std::runtime_error("bytes of another length");
  for (std::size_t i = 0; i < into.size(); ++i) {
    std::size_t read = 0;
    into[i] = static_cast<std::byte>(std::stoul(text.substr(2 * i, 2), &read, 16));
    if (read != 2) throw std::runtime_error("no hexadecimal digits");
  }
}

Bytes bytes_from(const Json& json) {
  Bytes bytes(json.get<std::string>().size() / 2);
  bytes_from(json, bytes);
  return bytes;
}

Json member_to_json(const SumMember& member) {
  return {{"site", member.site.value},
          {"certificate", member.certificate},
          {"share_key", to_hex(member.share_key)},
          {"mask_key", to_hex(member.mask_key)},
          {"about", member.about.hex()},
          {"signature", to_hex(member.signature)}};
}

SumMember member_from_json(const Json& json) {
  SumMember member;
  member.site.value = json.at("site").get<std::string>();
  member.certificate = json.at("certificate").get<std::string>();
  bytes_from(json.at("share_key"), member.share_key);
  bytes_from(json.at("mask_key"), member.mask_key);
  member.about = digest_of(json.at("about"));
  member.signature = bytes_from(json.at("signature"));
  return member;
}

// By member of the roster.
Json digests_to_json(const std::map<std::size_t, Digest>& digests) {
  Json json = Json::array();
  for (const auto& [member, digest] : digests) json.push_back({member, digest.hex()});
  return json;
}

std::map<std::size_t, Digest> digests_from_json(const Json& json) {
  std::map<std::size_t, Digest> digests;
  for (const Json& one : json) digests[one.at(0).get<std::size_t>()] = digest_of(one.at(1));
  return digests;
}

std::string to_json(const KeptSum& sum) {
  const SumSnapshot& snapshot = sum.snapshot;
  Json roster = Json::array(), agreements = Json::array();
  for (const SumMember& member : snapshot.roster) roster.push_back(member_to_json(member));
  for (const SumAgreements::One& one : snapshot.agreements)
    agreements.push_back({one.member, to_hex(one.signature)});
  return text_of({{"job", sum.key.job.value},
                  {"round", sum.key.round},
                  {"attempt", sum.key.attempt},
                  {"evaluation", sum.key.kind == TaskKind::kEvaluate},
                  {"name", sum.name.value},
                  {"inputs_summed", blob_to_json(sum.inputs)},
                  {"roster", roster},
                  {"issuers", snapshot.issuers},
                  {"sharing", to_hex(snapshot.sharing)},
                  {"survivors", to_hex(snapshot.survivors)},
                  {"commitments", digests_to_json(snapshot.commitments)},
                  {"inputs", digests_to_json(snapshot.inputs)},
                  {"agreements", agreements}});
}

KeptSum from_json(const Json& json) {
  KeptSum sum;
  sum.key = {JobId{json.at("job").get<std::string>()}, json.at("round").get<RoundNumber>(),
             json.at("attempt").get<AttemptNumber>(),
             json.at("evaluation").get<bool>() ? TaskKind::kEvaluate : TaskKind::kTrain};
  sum.name.value = json.at("name").get<std::string>();
  sum.inputs = blob_from_json(json.at("inputs_summed"));
  SumSnapshot& snapshot = sum.snapshot;
  for (const Json& member : json.at("roster")) snapshot.roster.push_back(member_from_json(member));
  snapshot.issuers = json.at("issuers").get<std::string>();
  snapshot.sharing = bytes_from(json.at("sharing"));
  snapshot.survivors = bytes_from(json.at("survivors"));
  snapshot.commitments = digests_from_json(json.at("commitments"));
  snapshot.inputs = digests_from_json(json.at("inputs"));
  for (const Json& one : json.at("agreements"))
    snapshot.agreements.push_back({one.at(0).get<std::uint32_t>(), bytes_from(one.at(1))});
  return sum;
}

Result<KeptSum> read(FileSystem& files, const std::string& path) {
  TRIB_TRY(bytes, files.read(path, kFileBytesMax));
  const std::string_view text = as_text(bytes);
  const std::size_t head = std::min(text.find('\n'), text.size());
  const std::string_view rest = text.substr(std::min(head + 1, text.size()));
  const auto damaged = [&path](const std::string& what) {
    return make_error(ErrorCode::kDataLoss, path + ": " + what);
  };
  if (text.substr(0, head) != sha256(as_bytes(rest)).hex())
    return damaged("it is not what was written");
  try {
    return from_json(Json::parse(rest));
  } catch (const std::exception& error) {
    return damaged(error.what());
  }
}

}  // namespace

std::vector<std::string> KeptSums::paths(const JobId& job) const {
  std::vector<std::string> paths;
  if (!files_->exists(folder(job))) return paths;
  const auto names = files_->list(folder(job));
  if (!names) return paths;
  for (const std::string& name : *names) {
    if (name.ends_with(kEnding)) paths.push_back(folder(job) + "/" + name);
  }
  return paths;
}

bool KeptSums::any(const JobId& job) const { return !paths(job).empty(); }

Status KeptSums::keep(const KeptSum& sum) const {
  TRIB_CHECK_OK(files_->make_directories(folder(sum.key.job)));
  const std::string json = to_json(sum);
  const std::string text = sha256(as_bytes(json)).hex() + "\n" + json;
  return files_->write_durably(folder(sum.key.job) + "/" + sum.name.value + std::string(kEnding),
                               as_bytes(text));
}

Result<std::vector<KeptSum>> KeptSums::load(const JobId& job) const {
  std::vector<KeptSum> sums;
  for (const std::string& path : paths(job)) {
    TRIB_TRY(sum, read(*files_, path));
    if (sum.key.job != job)
      return make_error(ErrorCode::kDataLoss, path + ": it belongs to another job");
    sums.push_back(std::move(sum));
  }
  return sums;
}

Status KeptSums::forget(const JobId& job) const {
  for (const std::string& path : paths(job)) TRIB_CHECK_OK(files_->remove(path));
  return {};
}

}  // namespace tributary
