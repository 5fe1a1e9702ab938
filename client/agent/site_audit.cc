// SPDX-License-Identifier: Apache-2.0
#include "client/agent/site_audit.h"

#include <algorithm>
#include <array>
#include <bit>
#include <nlohmann/json.hpp>
#include <numeric>

#include "client/session/session.h"
#include "common/crypto/digest.h"
#include "common/wire/message_codec.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

// None where there is no file.
Result<std::optional<SignedHead>> head_at(FileSystem& files, const std::string& path) {
  if (!files.exists(path)) return std::optional<SignedHead>{};
  TRIB_TRY(file, files.open(path));
  auto head = read_head(*file);
  if (head) return std::optional(*std::move(head));
  return make_error(ErrorCode::kDataLoss,
                    path + ": " + head.error().message +
                        ", and without one a log that was rewritten would not be noticed; bring it "
                        "back from a copy, or move it away if there is none");
}

Json json_of(const char* event, const TaskKey& key) {
  return {{"event", event},
          {"job", key.job.value},
          {"round", key.round},
          {"attempt", key.attempt},
          {"task", task_kind_name(key.kind)}};
}

// What of a secure sum left: which of its steps, and the sealed or masked bytes by their digest.
Json json_of(const SumAnswer& answer) {
  constexpr std::array kSteps = {"keys", "shares", "input", "agreement", "reveal", "abort"};
  Json json = json_of("sum.sent", answer.key);
  json["step"] = kSteps.at(answer.body.index());
  if (const auto* input = std::get_if<SumInput>(&answer.body)) {
    json["blob_sha256"] = input->masked.digest.hex();
    json["blob_bytes"] = input->masked.bytes;
  }
  if (const auto* abort = std::get_if<SumAbort>(&answer.body)) {
    json["reason"] = abort->reason;
    json["detail"] = abort->detail;
  }
  return json;
}

// Small results are told by the digest of the message: the site can show that nothing else went.
Result<Json> json_of(const TaskResult& result) {
  if (const auto* failure = std::get_if<TaskFailure>(&result.outcome)) {
    constexpr std::array kRefusals = {Reason::kDeclined, Reason::kPolicyDenied,
                                      Reason::kPolicyPending, Reason::kSignatureInvalid};
    const bool refused = std::ranges::find(kRefusals, failure->reason) != kRefusals.end();
    Json json = json_of(refused ? "task.refused" : "task.failed", result.key);
    json["reason"] = reason_name(failure->reason);
    json["detail"] = failure->detail;
    return json;
  }
  Json json = json_of("result.sent", result.key);
  TRIB_TRY(message, encode_message(result));
  json["message_sha256"] = sha256(message).hex();
  json["message_bytes"] = message.size();
  if (const BlobRef blob = session::blob_of(result); !blob.digest.is_none()) {
    json["blob_sha256"] = blob.digest.hex();
    json["blob_bytes"] = blob.bytes;
  }
  return json;
}

}  // namespace

Result<std::unique_ptr<SiteAudit>> SiteAudit::open(Ports ports, std::string folder, Signer signer,
                                                   Trust trust) {
  std::unique_ptr<SiteAudit> audit(
      new SiteAudit(ports, std::move(folder), std::move(signer), std::move(trust)));
  TRIB_CHECK_OK(ports.files.make_directories(audit->folder_));
  TRIB_TRY(log, AuditLog::open(ports.files, audit->folder_ + "/audit.log"));
  audit->log_ = std::move(log);
  TRIB_CHECK_OK(audit->check_whole());
  if (ports.files.exists(audit->dispute_path())) audit->note_dispute();
  TRIB_TRY(kept, head_at(ports.files, audit->kept_path()));
  audit->kept_ = std::move(kept);
  return audit;
}

// A log from whose end records were taken is sound in itself. It may have more than the head says:
// a kill came between the two.
Status SiteAudit::check_whole() const {
  TRIB_TRY(own, head_at(ports_.files, own_head_path()));
  if (!own) return {};
  const std::uint64_t size = own->head.size;
  if (log_->size() >= size && log_->tree().root_at(size) == own->head.root) return {};
  return make_error(ErrorCode::kDataLoss,
                    folder_ + "/audit.log: it does not have the " + std::to_string(size) +
                        " records that " + own_head_path() +
                        " was signed over; bring it back from a copy. To go on without them, keep "
                        "both files for whoever asks, and move them away");
}

Status SiteAudit::append(const std::string& json) {
  const std::string records[] = {json};
  TRIB_CHECK_OK(log_->append(records));
  TRIB_TRY(head, log_->sign(signer_, ports_.clock.wall_ms()));
  return ports_.files.write_durably(own_head_path(), as_bytes(text_of(head)));
}

Status SiteAudit::note_sent(const Message& message) {
  Json json;
  if (const auto* accepted = std::get_if<TaskAccepted>(&message)) {
    json = json_of("task.accepted", accepted->key);
  } else if (const auto* result = std::get_if<TaskResult>(&message)) {
    TRIB_TRY(told, json_of(*result));
    json = std::move(told);
  } else if (const auto* answer = std::get_if<SumAnswer>(&message)) {
    json = json_of(*answer);
  } else {
    return {};
  }
  json["at_ms"] = ports_.clock.wall_ms();
  return append(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Status SiteAudit::note_asked(const SumRequest& request) {
  const auto* survivors = std::get_if<SumSurvivors>(&request.body);
  if (survivors == nullptr) return {};
  const auto sites = [](const SumBitmap& set) {
    return std::accumulate(set.begin(), set.end(), 0, [](int count, std::byte bits) {
      return count + std::popcount(std::to_integer<unsigned>(bits));
    });
  };
  Json json = json_of("sum.asked", request.key);
  json["at_ms"] = ports_.clock.wall_ms();
  json["sites_sharing"] = sites(survivors->sharing);
  json["sites_in_sum"] = sites(survivors->survivors);
  return append(json.dump());
}

Status SiteAudit::note_upload(const BlobRef& blob) {
  const Json json{{"event", "blob.sent"},
                  {"at_ms", ports_.clock.wall_ms()},
                  {"blob_sha256", blob.digest.hex()},
                  {"blob_bytes", blob.bytes}};
  return append(json.dump());
}

Status SiteAudit::note_decision(const JobId& job, bool approved, const Digest& manifest,
                                const std::string& who, std::int64_t decided_ms) {
  const Json json{{"event", approved ? "job.approved" : "job.denied"},
                  {"at_ms", ports_.clock.wall_ms()},
                  {"job", job.value},
                  {"manifest", manifest.hex()},
                  {"who", who},
                  {"decided_ms", decided_ms}};
  return append(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<AuditCountersignature> SiteAudit::countersignature() const {
  if (!kept_) return AuditCountersignature{};
  TRIB_TRY(one, countersign(signer_, kept_->head, ports_.clock.wall_ms()));
  return AuditCountersignature{one.head.size,
                               one.head.root,
                               one.head.at_ms,
                               one.at_ms,
                               one.signature.certificates,
                               std::string(as_text(one.signature.bytes))};
}

Result<bool> SiteAudit::take(const AuditHead& message, const std::string& peer) {
  const ByteView signature = as_bytes(message.signature);
  const SignedHead head{{message.size, message.root, message.at_ms},
                        {message.certificates, {signature.begin(), signature.end()}}};
  TRIB_TRY(who, verify_head(trust_, head));
  if (who.role != PeerRole::kCoordinator)
    return make_error(ErrorCode::kUnauthenticated, "a head that " + who.name + " signed");
  if (who.name != peer) {
    return make_error(ErrorCode::kUnauthenticated,
                      "a head of the coordinator " + who.name + ", brought by " + peer);
  }
  if (kept_ && head.head.size < kept_->head.size) {
    TRIB_CHECK_OK(dispute(head, "it has fewer records than before"));
    return false;
  }
  if (kept_ && !verify_consistency(kept_->head.size, kept_->head.root, head.head.size,
                                   head.head.root, message.proof)) {
    TRIB_CHECK_OK(dispute(head, "its records are not those of before"));
    return false;
  }
  if (!disputed_.empty()) return false;
  TRIB_CHECK_OK(ports_.files.write_durably(kept_path(), as_bytes(text_of(head))));
  kept_ = head;
  ports_.log.record("audit.countersigned",
                    {{"records", static_cast<std::int64_t>(head.head.size)}});
  return true;
}

// Both heads are signed by the coordinator: whoever has them can prove it.
Status SiteAudit::dispute(const SignedHead& head, const std::string& detail) {
  note_dispute();
  ports_.log.record("audit.equivocation", {{"kept", static_cast<std::int64_t>(kept_->head.size)},
                                           {"records", static_cast<std::int64_t>(head.head.size)},
                                           {"detail", detail + "; " + disputed_}});
  if (ports_.files.exists(dispute_path())) return {};
  return ports_.files.write_durably(dispute_path(), as_bytes(text_of(*kept_) + text_of(head)));
}

void SiteAudit::note_dispute() {
  disputed_ =
      "ask the coordinator's operators and other sites why, with " + dispute_path() +
      ", which has both heads. To trust the log as it is now, stop the client and move that "
      "file and " +
      kept_path() + " away";
}

}  // namespace tributary
