// SPDX-License-Identifier: Apache-2.0
#include "client/work/known_jobs.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/limits.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

constexpr const char* kJob = ".json";
constexpr const char* kDecision = ".decision";
constexpr const char* kNoted = ".noted";
constexpr std::string_view kApproved = "approved";
constexpr std::string_view kDenied = "denied";
// Document and certificates, where each of their bytes is escaped, and what else is known.
constexpr std::uint64_t kJobBytesMax =
    6 * (limits::kJobDocumentBytesMax + limits::kCertificatesBytesMax) + (64u << 10);

Digest digest_at(const Json& json, const char* name) {
  const auto digest = digest_from_hex(json.at(name).get<std::string>());
  if (!digest) throw std::runtime_error(digest.error().message);
  return *digest;
}

JobSignature signature_at(const Json& json) {
  const auto found = json.find("signature");
  if (found == json.end()) return {};  // noted by a version that kept none
  JobSignature signature;
  signature.signed_wall_ms = found->at("signed_wall_ms").get<std::int64_t>();
  signature.certificates = found->at("certificates").get<std::string>();
  for (const int byte : found->at("bytes")) signature.bytes.push_back(static_cast<std::byte>(byte));
  return signature;
}

Json json_of(const JobSignature& signature) {
  Json bytes = Json::array();
  for (const std::byte byte : signature.bytes) bytes.push_back(std::to_integer<int>(byte));
  return {{"signed_wall_ms", signature.signed_wall_ms},
          {"certificates", signature.certificates},
          {"bytes", bytes}};
}

Result<KnownJob> from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    KnownJob job;
    job.id.value = json.at("job").get<std::string>();
    job.submitter = json.at("submitter").get<std::string>();
    job.first_seen_wall_ms = json.at("first_seen_wall_ms").get<std::int64_t>();
    job.manifest = digest_at(json, "manifest");
    job.module = {digest_at(json, "module"), json.at("module_bytes").get<std::uint64_t>()};
    job.dry_run = json.at("dry_run").get<bool>();
    job.document = json.at("document").get<std::string>();
    job.signature = signature_at(json);
    job.asked_wall_ms = json.value("asked_wall_ms", job.first_seen_wall_ms);
    return job;
  } catch (const std::exception& error) {
    return make_error(ErrorCode::kDataLoss,
                      std::string("what is known of a job cannot be read: ") + error.what());
  }
}

// "approved 5f3a... 1700000000000 alice": the word, the manifest, when, who.
std::string text_of(const MadeDecision& made) {
  return std::string(made.decision == Decision::kApproved ? kApproved : kDenied) + " " +
         made.manifest.hex() + " " + std::to_string(made.wall_ms) + " " + made.who;
}

// What cannot be read is no decision.
MadeDecision decision_of(const JobId& job, const std::string& text) {
  MadeDecision made{job, Decision::kNone, {}, 0, ""};
  std::istringstream in(text);
  std::string word, manifest;
  in >> word >> manifest >> made.wall_ms;
  std::getline(in >> std::ws, made.who);
  const auto digest = digest_from_hex(manifest);
  if (!digest) return made;
  made.manifest = *digest;
  if (word == kApproved) made.decision = Decision::kApproved;
  if (word == kDenied) made.decision = Decision::kDenied;
  return made;
}

}  // namespace

Result<KnownJob> KnownJobs::find(const JobId& id) const {
  if (!is_valid_name(id.value) || !files_->exists(path(id, kJob))) {
    return make_error(
        ErrorCode::kNotFound,
        "no job '" + id.value +
            "' that waits for this site's word, or had it: 'jobs pending' lists them; "
            "why one was refused at once is in the log (task.failed)");
  }
  TRIB_TRY(bytes, files_->read(path(id, kJob), kJobBytesMax));
  return from_json(as_text(bytes));
}

Result<std::vector<KnownJob>> KnownJobs::all() const {
  std::vector<KnownJob> jobs;
  if (!files_->exists(directory_)) return jobs;
  TRIB_TRY(names, files_->list(directory_));
  for (const std::string& name : names) {
    if (!name.ends_with(kJob)) continue;
    auto job = find(JobId{name.substr(0, name.size() - std::string_view(kJob).size())});
    if (job) jobs.push_back(*std::move(job));
  }
  std::ranges::stable_sort(jobs, {}, &KnownJob::first_seen_wall_ms);
  return jobs;
}

// Room for one more. Whoever could send many jobs would have an old denial forgotten otherwise.
Status KnownJobs::make_room() {
  TRIB_TRY(jobs, all());
  if (jobs.size() < limits::kJobsKnownMax) return {};
  std::vector<JobId> may_go, approved;
  for (const KnownJob& job : jobs) {
    const Result<Decision> decided = decision(job);
    if (!decided) continue;  // it may be a denial
    if (*decided == Decision::kNone) may_go.push_back(job.id);
    if (*decided == Decision::kApproved) approved.push_back(job.id);
  }
  may_go.insert(may_go.end(), approved.begin(), approved.end());
  for (std::size_t i = 0; i + limits::kJobsKnownMax <= may_go.size(); ++i) {
    TRIB_CHECK_OK(files_->remove(path(may_go[i], kJob)));
    TRIB_CHECK_OK(files_->remove(path(may_go[i], kDecision)));
    TRIB_CHECK_OK(files_->remove(path(may_go[i], kNoted)));
  }
  return {};
}

Status KnownJobs::note(const KnownJob& job) {
  if (!is_valid_name(job.id.value))
    return make_error(ErrorCode::kInvalidArgument, "a job without a valid name");
  TRIB_CHECK_OK(files_->make_directories(directory_));
  if (!files_->exists(path(job.id, kJob))) TRIB_CHECK_OK(make_room());
  const Json json = {{"job", job.id.value},
                     {"submitter", job.submitter},
                     {"first_seen_wall_ms", job.first_seen_wall_ms},
                     {"manifest", job.manifest.hex()},
                     {"module", job.module.digest.hex()},
                     {"module_bytes", job.module.bytes},
                     {"dry_run", job.dry_run},
                     {"document", job.document},
                     {"signature", json_of(job.signature)},
                     {"asked_wall_ms", job.asked_wall_ms}};
  const std::string text = json.dump(2, ' ', true, Json::error_handler_t::replace);
  return files_->write_durably(path(job.id, kJob), as_bytes(text));
}

Result<MadeDecision> KnownJobs::made(const JobId& job, const char* ending) const {
  const std::string file = path(job, ending);
  if (!files_->exists(file)) return MadeDecision{job, Decision::kNone, {}, 0, ""};
  TRIB_TRY(bytes, files_->read(file, limits::kSignatureBytesMax));
  return decision_of(job, std::string(as_text(bytes)));
}

// A decision about something else is none. One that cannot be read may have been a denial.
Result<Decision> KnownJobs::decision(const KnownJob& job) const {
  TRIB_TRY(found, made(job.id, kDecision));
  if (found.decision == Decision::kNone && files_->exists(path(job.id, kDecision))) {
    return make_error(ErrorCode::kDataLoss,
                      path(job.id, kDecision) +
                          " holds no decision that can be read: approve or deny the job again");
  }
  return found.manifest == job.manifest ? found.decision : Decision::kNone;
}

Status KnownJobs::decide(const KnownJob& job, Decision decision, std::int64_t wall_ms,
                         const std::string& who) {
  const MadeDecision one{job.id, decision, job.manifest, wall_ms, who};
  return files_->write_durably(path(job.id, kDecision), as_bytes(text_of(one)));
}

Result<std::vector<MadeDecision>> KnownJobs::fresh_decisions() const {
  std::vector<MadeDecision> fresh;
  if (!files_->exists(directory_)) return fresh;
  TRIB_TRY(names, files_->list(directory_));
  for (const std::string& name : names) {
    if (!name.ends_with(kDecision)) continue;
    const JobId job{name.substr(0, name.size() - std::string_view(kDecision).size())};
    const auto found = made(job, kDecision), noted = made(job, kNoted);
    // What cannot be read decides nothing either.
    if (!found || found->decision == Decision::kNone) continue;
    if (!noted || text_of(*found) != text_of(*noted)) fresh.push_back(*found);
  }
  std::ranges::stable_sort(fresh, {}, &MadeDecision::wall_ms);
  return fresh;
}

Status KnownJobs::note_decision(const MadeDecision& decision) {
  return files_->write_durably(path(decision.job, kNoted), as_bytes(text_of(decision)));
}

}  // namespace tributary
