// SPDX-License-Identifier: Apache-2.0
#include "common/trust/job_signing.h"

#include <algorithm>

#include "common/base/words.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

constexpr std::string_view kPurpose = "job manifest";

// No part of it can hold a line end: an id is a name, the rest are digits and words.
std::string text_of(const JobManifest& manifest, std::int64_t signed_wall_ms) {
  return "job " + manifest.job.value + "\ndocument " + sha256(as_bytes(manifest.document)).hex() +
         "\nmodule " + manifest.module.hex() + "\ndry_run " + (manifest.dry_run ? "yes" : "no") +
         "\nsigned " + std::to_string(signed_wall_ms) + "\n";
}

}  // namespace

JobId job_id_of(const std::string& name, const std::string& token, const std::string& document) {
  const std::string text = token + "\n" + document;
  return JobId{name + "-" + sha256(as_bytes(text)).hex().substr(0, 8)};
}

JobManifest manifest_of(const Task& task) {
  return {task.key.job, task.document, task.model_file.digest, task.dry_run};
}

Digest digest_of(const JobManifest& manifest, std::int64_t signed_wall_ms) {
  return sha256(as_bytes(text_of(manifest, signed_wall_ms)));
}

Result<JobSignature> sign_job(const Signer& signer, const JobManifest& manifest,
                              std::int64_t wall_ms) {
  TRIB_TRY(signature, signer.sign(kPurpose, as_bytes(text_of(manifest, wall_ms))));
  return JobSignature{wall_ms, std::move(signature.certificates), std::move(signature.bytes)};
}

Result<PeerIdentity> verify_job(const Trust& trust, const JobManifest& manifest,
                                const JobSignature& signature, std::int64_t unix_seconds,
                                const std::vector<std::string>& roles) {
  if (signature.bytes.empty())
    return make_error(ErrorCode::kUnauthenticated, "the job is not signed");
  const std::string text = text_of(manifest, signature.signed_wall_ms);
  TRIB_TRY(who, verify_signature(trust, kPurpose, as_bytes(text),
                                 {signature.certificates, signature.bytes}, unix_seconds));
  const std::string role =
      who.role == PeerRole::kOperator ? who.operator_role : peer_role_name(who.role);
  if (who.role == PeerRole::kOperator && std::ranges::count(roles, role) > 0) return who;
  const std::string those = joined(roles, ", ");
  return make_error(
      ErrorCode::kUnauthenticated,
      "the job is signed by '" + who.name + "', whose role is " + role +
          ", which may not submit jobs; these may: " + (those.empty() ? "none" : those));
}

}  // namespace tributary
