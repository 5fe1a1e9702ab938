// SPDX-License-Identifier: Apache-2.0
#include "client/work/known_jobs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

constexpr const char* kJob = ".json";
constexpr const char* kDecision = ".decision";
constexpr const char* kApproved = "approved ";
constexpr const char* kDenied = "denied ";
// The document, where each of its bytes is escaped, and what else is known.
constexpr std::uint64_t kJobBytesMax = 6 * limits::kJobDocumentBytesMax + (64u << 10);

Digest digest_at(const Json& json, const char* name) {
  const auto digest = digest_from_hex(json.at(name).get<std::string>());
  if (!digest) throw std::runtime_error(digest.error().message);
  return *digest;
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
    return job;
  } catch (const std::exception& error) {
    return make_error(ErrorCode::kDataLoss,
                      std::string("what is known of a job cannot be read: ") + error.what());
  }
}

}  // namespace

Result<KnownJob> KnownJobs::find(const JobId& id) const {
  if (!is_valid_name(id.value) || !files_->exists(path(id, kJob))) {
    return make_error(ErrorCode::kNotFound, "no job '" + id.value + "' was asked for here");
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

Status KnownJobs::note(const KnownJob& job) {
  TRIB_CHECK_OK(files_->make_directories(directory_));
  TRIB_TRY(others, all());
  for (std::size_t i = 0; i + limits::kJobsKnownMax <= others.size(); ++i) {
    TRIB_CHECK_OK(files_->remove(path(others[i].id, kJob)));
    TRIB_CHECK_OK(files_->remove(path(others[i].id, kDecision)));
  }
  const Json json = {{"job", job.id.value},
                     {"submitter", job.submitter},
                     {"first_seen_wall_ms", job.first_seen_wall_ms},
                     {"manifest", job.manifest.hex()},
                     {"module", job.module.digest.hex()},
                     {"module_bytes", job.module.bytes},
                     {"dry_run", job.dry_run},
                     {"document", job.document}};
  const std::string text = json.dump(2, ' ', true, Json::error_handler_t::replace);
  return files_->write_durably(path(job.id, kJob), as_bytes(text));
}

// A decision about something else, or one that cannot be read, is none.
Result<Decision> KnownJobs::decision(const KnownJob& job) const {
  const std::string file = path(job.id, kDecision);
  if (!files_->exists(file)) return Decision::kNone;
  TRIB_TRY(bytes, files_->read(file, limits::kSignatureBytesMax));
  const std::string manifest = job.manifest.hex();
  if (as_text(bytes) == kApproved + manifest) return Decision::kApproved;
  return as_text(bytes) == kDenied + manifest ? Decision::kDenied : Decision::kNone;
}

Status KnownJobs::decide(const KnownJob& job, Decision decision) {
  const std::string text =
      (decision == Decision::kApproved ? kApproved : kDenied) + job.manifest.hex();
  return files_->write_durably(path(job.id, kDecision), as_bytes(text));
}

}  // namespace tributary
