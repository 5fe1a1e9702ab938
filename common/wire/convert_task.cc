// SPDX-License-Identifier: Apache-2.0
#include "common/base/limits.h"
#include "common/wire/convert.h"

namespace tributary {
namespace {

// Wire enumerations are the domain's, plus one; the last of each is checked here so that a new one
// is not forgotten.
static_assert(static_cast<int>(ErrorCode::kInternal) + 1 == wire::ERROR_CODE_INTERNAL);
static_assert(static_cast<int>(Reason::kSecureSumFailed) + 1 == wire::REASON_SECURE_SUM_FAILED);
static_assert(static_cast<int>(TaskKind::kEvaluate) + 1 == wire::TASK_KIND_EVALUATE);

template <typename Domain, typename Wire>
Domain enumeration(FieldReader& in, const char* field, Wire value, int last) {
  const int number = static_cast<int>(value);
  if (number < 1 || number > last) {
    in.fault(field, "unknown value " + std::to_string(number));
    return Domain{};
  }
  return static_cast<Domain>(number - 1);
}

void check_size(FieldReader& in, const BlobRef& blob) {
  if (blob.bytes > limits::kBlobBytesMax) in.fault("blob.bytes", "more than any blob has");
}

}  // namespace

wire::ErrorCode to_wire(ErrorCode code) {
  return static_cast<wire::ErrorCode>(static_cast<int>(code) + 1);
}
ErrorCode from_wire(FieldReader& in, wire::ErrorCode code) {
  return enumeration<ErrorCode>(in, "code", code, wire::ERROR_CODE_INTERNAL);
}
wire::Reason to_wire(Reason reason) {
  return static_cast<wire::Reason>(static_cast<int>(reason) + 1);
}
Reason from_wire(FieldReader& in, wire::Reason reason) {
  return enumeration<Reason>(in, "reason", reason, wire::REASON_SECURE_SUM_FAILED);
}

void to_wire(const BlobRef& from, wire::BlobRef& to) {
  to.set_digest(bytes_of(from.digest));
  to.set_bytes(from.bytes);
}

BlobRef from_wire(FieldReader& in, const wire::BlobRef& from) {
  const BlobRef to{in.digest("blob.digest", from.digest()), from.bytes()};
  check_size(in, to);
  return to;
}

void to_wire(const TaskKey& from, wire::TaskKey& to) {
  to.set_job(from.job.value);
  to.set_round(from.round);
  to.set_attempt(from.attempt);
  to.set_kind(static_cast<wire::TaskKind>(static_cast<int>(from.kind) + 1));
}

TaskKey from_wire(FieldReader& in, const wire::TaskKey& from) {
  TaskKey to;
  to.job.value = in.name("key.job", from.job());
  to.round = from.round();
  to.attempt = from.attempt();
  if (to.round > limits::kRoundsMax)
    in.fault("key.round", "more than " + std::to_string(limits::kRoundsMax));
  if (to.attempt < 1) in.fault("key.attempt", "attempts count from 1");
  to.kind = enumeration<TaskKind>(in, "key.kind", from.kind(), wire::TASK_KIND_EVALUATE);
  return to;
}

namespace {

ModelDelta delta_from_wire(FieldReader& in, const wire::ModelDelta& from) {
  const ModelDelta to{in.digest("delta.base", from.base()), from_wire(in, from.blob())};
  if (to.base.is_none() != to.blob.digest.is_none())
    in.fault("delta", "one of its digests is missing");
  return to;
}

}  // namespace

void to_wire(const JobSignature& from, wire::JobSignature& to) {
  to.set_signed_wall_ms(from.signed_wall_ms);
  to.set_certificates(from.certificates);
  to.set_signature(std::string(as_text(from.bytes)));
}

JobSignature from_wire(FieldReader& in, const wire::JobSignature& from) {
  JobSignature to;
  to.signed_wall_ms = from.signed_wall_ms();
  to.certificates =
      in.blob("signature.certificates", from.certificates(), limits::kCertificatesBytesMax);
  const std::string text =
      in.blob("signature.signature", from.signature(), limits::kSignatureBytesMax);
  const ByteView bytes = as_bytes(text);
  to.bytes.assign(bytes.begin(), bytes.end());
  return to;
}

void to_wire(const Task& from, wire::TaskOffer& to) {
  to_wire(from.key, *to.mutable_key());
  to.set_document(from.document);
  to_wire(from.plan, *to.mutable_plan());
  to_wire(from.model, *to.mutable_model());
  to_wire(from.model_file, *to.mutable_model_file());
  to.set_deadline_ms(from.deadline_ms);
  to.set_counted(from.counted);
  to.set_dry_run(from.dry_run);
  to.set_least_sites(from.least_sites);
  to.set_clip(from.clip);
  to_wire(from.signature, *to.mutable_signature());
  if (from.delta.base.is_none()) return;
  to.mutable_delta()->set_base(bytes_of(from.delta.base));
  to_wire(from.delta.blob, *to.mutable_delta()->mutable_blob());
}

Task from_wire(FieldReader& in, const wire::TaskOffer& from) {
  Task to;
  to.key = from_wire(in, from.key());
  to.document = in.blob("document", from.document(), limits::kJobDocumentBytesMax);
  to.plan = from_wire(in, from.plan());
  to.model = from_wire(in, from.model());
  to.model_file = from_wire(in, from.model_file());
  to.deadline_ms = in.not_negative("deadline_ms", from.deadline_ms());
  to.counted = from.counted();
  to.delta = delta_from_wire(in, from.delta());
  to.dry_run = from.dry_run();
  to.least_sites = from.least_sites();
  to.clip = from.clip();
  to.signature = from_wire(in, from.signature());
  if (to.counted > limits::kRoundsMax)
    in.fault("counted", "more than " + std::to_string(limits::kRoundsMax));
  return to;
}

void to_wire(const TaskResult& from, wire::TaskResult& to) {
  to_wire(from.key, *to.mutable_key());
  if (const auto* failure = std::get_if<TaskFailure>(&from.outcome)) {
    to.mutable_failure()->set_reason(to_wire(failure->reason));
    to.mutable_failure()->set_detail(failure->detail);
  } else if (const auto* prepared = std::get_if<PrepareResult>(&from.outcome)) {
    to_wire(prepared->summary, *to.mutable_prepared());
  } else if (const auto* initialized = std::get_if<InitializeResult>(&from.outcome)) {
    to_wire(initialized->model, *to.mutable_initialized()->mutable_model());
  } else if (const auto* trained = std::get_if<TrainResult>(&from.outcome)) {
    wire::TrainResult& result = *to.mutable_trained();
    to_wire(trained->update, *result.mutable_update());
    result.set_examples(trained->examples);
    result.set_train_loss(trained->train_loss);
    result.set_update_norm(trained->update_norm);
    result.set_seconds(trained->seconds);
    result.set_epsilon(trained->epsilon);
  } else {
    to_wire(std::get<EvaluateResult>(from.outcome).counts, *to.mutable_evaluated());
  }
}

TaskResult from_wire(FieldReader& in, const wire::TaskResult& from) {
  TaskResult to;
  to.key = from_wire(in, from.key());
  switch (from.outcome_case()) {
    case wire::TaskResult::kFailure:
      to.outcome = TaskFailure{
          from_wire(in, from.failure().reason()),
          in.text("failure.detail", from.failure().detail(), limits::kLogValueBytesMax)};
      break;
    case wire::TaskResult::kPrepared:
      to.outcome = PrepareResult{from_wire(in, from.prepared())};
      break;
    case wire::TaskResult::kInitialized:
      to.outcome = InitializeResult{from_wire(in, from.initialized().model())};
      break;
    case wire::TaskResult::kTrained: {
      const wire::TrainResult& result = from.trained();
      to.outcome = TrainResult{from_wire(in, result.update()),
                               result.examples(),
                               in.finite("trained.train_loss", result.train_loss()),
                               in.finite("trained.update_norm", result.update_norm()),
                               in.finite("trained.seconds", result.seconds()),
                               in.finite("trained.epsilon", result.epsilon())};
      break;
    }
    case wire::TaskResult::kEvaluated:
      to.outcome = EvaluateResult{from_wire(in, from.evaluated())};
      break;
    case wire::TaskResult::OUTCOME_NOT_SET:
      in.fault("outcome", "missing");
      break;
  }
  return to;
}

}  // namespace tributary
