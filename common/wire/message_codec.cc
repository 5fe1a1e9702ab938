// SPDX-License-Identifier: Apache-2.0
#include "common/wire/message_codec.h"

#include <google/protobuf/stubs/logging.h>

#include "common/base/limits.h"
#include "common/wire/convert.h"

namespace tributary {
namespace {

constexpr std::size_t kTextMax = limits::kLogValueBytesMax;
constexpr std::size_t kDatasetsMax = 1'000;
constexpr std::size_t kBearerMax = 16u << 10;  // providers put groups into it
constexpr std::size_t kPemMax = limits::kCertificatesBytesMax;

// One overload per message: into the envelope.
struct Encoder {
  wire::Envelope& to;

  void operator()(const Hello& m) {
    wire::Hello& hello = *to.mutable_hello();
    hello.set_protocol_min(m.protocol_min);
    hello.set_protocol_max(m.protocol_max);
    hello.set_software(m.software);
    for (const std::string& dataset : m.datasets) hello.add_datasets(dataset);
    hello.set_bearer(m.bearer);
  }
  void operator()(const Welcome& m) {
    to.mutable_welcome()->set_protocol(m.protocol);
    to.mutable_welcome()->set_software(m.software);
    to.mutable_welcome()->set_heartbeat_ms(m.heartbeat_ms);
    to.mutable_welcome()->set_reconnect_spread_ms(m.reconnect_spread_ms);
  }
  void operator()(const Goodbye& m) {
    to.mutable_goodbye()->set_code(to_wire(m.code));
    to.mutable_goodbye()->set_message(m.message);
    to.mutable_goodbye()->set_retry_after_ms(m.retry_after_ms);
  }
  void operator()(const Heartbeat& m) {
    to.mutable_heartbeat()->set_sequence(m.sequence);
    to.mutable_heartbeat()->set_reply(m.reply);
  }
  void operator()(const BlobRequest& m) {
    to.mutable_blob_request()->set_stream(m.stream);
    to.mutable_blob_request()->set_digest(bytes_of(m.digest));
    to.mutable_blob_request()->set_offset(m.offset);
  }
  void operator()(const BlobStart& m) {
    to.mutable_blob_start()->set_stream(m.stream);
    to.mutable_blob_start()->set_total_bytes(m.total_bytes);
  }
  void operator()(const BlobRefused& m) {
    to.mutable_blob_refused()->set_stream(m.stream);
    to.mutable_blob_refused()->set_message(m.message);
  }
  void operator()(const BlobCancel& m) { to.mutable_blob_cancel()->set_stream(m.stream); }
  void operator()(const TaskOffer& m) { to_wire(m.task, *to.mutable_task_offer()); }
  void operator()(const TaskCancel& m) {
    to_wire(m.key, *to.mutable_task_cancel()->mutable_key());
    to.mutable_task_cancel()->set_reason(to_wire(m.reason));
  }
  void operator()(const TaskVerdict& m) {
    to_wire(m.key, *to.mutable_task_verdict()->mutable_key());
    to.mutable_task_verdict()->set_reason(to_wire(m.reason));
    to.mutable_task_verdict()->set_detail(m.detail);
  }
  void operator()(const RoundCommitted& m) {
    to.mutable_round_committed()->set_job(m.job.value);
    to.mutable_round_committed()->set_round(m.round);
  }
  void operator()(const TaskAccepted& m) {
    to_wire(m.key, *to.mutable_task_accepted()->mutable_key());
  }
  void operator()(const TaskProgress& m) {
    to_wire(m.key, *to.mutable_task_progress()->mutable_key());
    to.mutable_task_progress()->set_done(m.done);
    to.mutable_task_progress()->set_total(m.total);
  }
  void operator()(const TaskResult& m) { to_wire(m, *to.mutable_task_result()); }
  void operator()(const SumRequest& m) { to_wire(m, *to.mutable_sum_request()); }
  void operator()(const SumAnswer& m) { to_wire(m, *to.mutable_sum_answer()); }
  void operator()(const AuditHead& m) { to_wire(m, *to.mutable_audit_head()); }
  void operator()(const AuditCountersignature& m) {
    to_wire(m, *to.mutable_audit_countersignature());
  }
  void operator()(const SubmitJob& m) { to_wire(m, *to.mutable_submit_job()); }
  void operator()(const JobSubmitted& m) {
    to.mutable_job_submitted()->set_job(m.job.value);
    to.mutable_job_submitted()->set_existed(m.existed);
  }
  void operator()(const ListJobs& m) { to.mutable_list_jobs()->set_from(m.from); }
  void operator()(const JobList& m) {
    to.mutable_job_list()->set_next(m.next);
    for (const JobSummary& job : m.jobs) to_wire(job, *to.mutable_job_list()->add_jobs());
  }
  void operator()(const ShowJob& m) {
    to.mutable_show_job()->set_job(m.job.value);
    to_wire(m.from, *to.mutable_show_job()->mutable_from());
  }
  void operator()(const JobDetail& m) { to_wire(m, *to.mutable_job_detail()); }
  void operator()(const AbortJob& m) {
    to.mutable_abort_job()->set_job(m.job.value);
    to.mutable_abort_job()->set_why(m.why);
  }
  void operator()(const JobAborted& m) { to.mutable_job_aborted()->set_job(m.job.value); }
  void operator()(const ChangeJob& m) { to_wire(m, *to.mutable_change_job()); }
  void operator()(const JobChanged& m) { to.mutable_job_changed()->set_job(m.job.value); }
  void operator()(const GetStatus& m) { to.mutable_get_status()->set_from(m.from); }
  void operator()(const StatusReply& m) { to_wire(m, *to.mutable_status_reply()); }
  void operator()(const WatchJob& m) {
    to.mutable_watch_job()->set_job(m.job.value);
    to_wire(m.from, *to.mutable_watch_job()->mutable_from());
  }
  void operator()(const Event& m) {
    to.mutable_event()->set_wall_ms(m.wall_ms);
    to.mutable_event()->set_name(m.name);
    to.mutable_event()->set_json(m.json);
  }
  void operator()(const GetModel& m) {
    to.mutable_get_model()->set_job(m.job.value);
    to.mutable_get_model()->set_which(m.which);
  }
  void operator()(const ModelInfo& m) {
    to.mutable_model_info()->set_job(m.job.value);
    to.mutable_model_info()->set_round(m.round);
    to_wire(m.model, *to.mutable_model_info()->mutable_model());
    to.mutable_model_info()->set_document(m.document);
    to_wire(m.plan, *to.mutable_model_info()->mutable_plan());
  }
  void operator()(const ControlSite& m) { to_wire(m, *to.mutable_control_site()); }
  void operator()(const SiteControlled& m) {
    to.mutable_site_controlled()->set_site(m.site.value);
    to.mutable_site_controlled()->set_certificates(m.certificates);
    to.mutable_site_controlled()->set_was_on_link(m.was_on_link);
  }
  void operator()(const GetRoot&) { to.mutable_get_root(); }
  void operator()(const RootCertificate& m) {
    to.mutable_root_certificate()->set_certificate(m.certificate);
  }
  void operator()(const Enrol& m) { to_wire(m, *to.mutable_enrol()); }
  void operator()(const EnrolAnswer& m) { to_wire(m, *to.mutable_enrol_answer()); }
  void operator()(const RenewCertificate& m) {
    to.mutable_renew_certificate()->set_request(m.request);
  }
  void operator()(const TrustUpdate& m) { to_wire(m, *to.mutable_trust_update()); }
  void operator()(const InviteSite& m) { to_wire(m, *to.mutable_invite_site()); }
  void operator()(const SiteInvited& m) {
    to.mutable_site_invited()->set_site(m.site.value);
    to.mutable_site_invited()->set_until_wall_ms(m.until_wall_ms);
  }
  void operator()(const ListEnrolments& m) { to.mutable_list_enrolments()->set_from(m.from); }
  void operator()(const EnrolmentList& m) { to_wire(m, *to.mutable_enrolment_list()); }
  void operator()(const DecideEnrolment& m) { to_wire(m, *to.mutable_decide_enrolment()); }
  void operator()(const EnrolmentDecided& m) {
    to.mutable_enrolment_decided()->set_site(m.site.value);
  }
  void operator()(const RequestFailed& m) {
    to.mutable_request_failed()->set_code(to_wire(m.code));
    to.mutable_request_failed()->set_message(m.message);
  }
};

std::uint32_t stream_of(FieldReader& in, std::uint32_t stream) {
  if (stream == 0) in.fault("stream", "0 is no stream");
  return stream;
}

Digest some_digest(FieldReader& in, const std::string& bytes) {
  if (bytes.empty()) in.fault("digest", "missing");
  return in.digest("digest", bytes);
}

JobId job_of(FieldReader& in, const std::string& job) { return JobId{in.name("job", job)}; }

Hello read_hello(FieldReader& in, const wire::Hello& from) {
  Hello to{
      from.protocol_min(), from.protocol_max(), in.text("software", from.software(), kTextMax), {}};
  if (to.protocol_min == 0 || to.protocol_min > to.protocol_max)
    in.fault("protocol_min", "no range of versions");
  in.count("datasets", from.datasets_size(), kDatasetsMax);
  for (const std::string& dataset : from.datasets())
    to.datasets.push_back(in.name("datasets", dataset));
  to.bearer = in.text("bearer", from.bearer(), kBearerMax);
  return to;
}

SiteControlled read_controlled(FieldReader& in, const wire::SiteControlled& from) {
  return {SiteName{in.name("site", from.site())}, from.certificates(), from.was_on_link()};
}

// Links, blobs and tasks.
Message read_work(FieldReader& in, const wire::Envelope& from) {
  switch (from.body_case()) {
    case wire::Envelope::kHello:
      return read_hello(in, from.hello());
    case wire::Envelope::kWelcome:
      return Welcome{from.welcome().protocol(),
                     in.text("software", from.welcome().software(), kTextMax),
                     in.not_negative("heartbeat_ms", from.welcome().heartbeat_ms()),
                     in.not_negative("reconnect_spread_ms", from.welcome().reconnect_spread_ms())};
    case wire::Envelope::kGoodbye:
      return Goodbye{from_wire(in, from.goodbye().code()),
                     in.text("message", from.goodbye().message(), kTextMax),
                     in.not_negative("retry_after_ms", from.goodbye().retry_after_ms())};
    case wire::Envelope::kHeartbeat:
      return Heartbeat{from.heartbeat().sequence(), from.heartbeat().reply()};
    case wire::Envelope::kBlobRequest:
      return BlobRequest{stream_of(in, from.blob_request().stream()),
                         some_digest(in, from.blob_request().digest()),
                         from.blob_request().offset()};
    case wire::Envelope::kBlobStart:
      return BlobStart{stream_of(in, from.blob_start().stream()), from.blob_start().total_bytes()};
    case wire::Envelope::kBlobRefused:
      return BlobRefused{stream_of(in, from.blob_refused().stream()),
                         in.text("message", from.blob_refused().message(), kTextMax)};
    case wire::Envelope::kBlobCancel:
      return BlobCancel{stream_of(in, from.blob_cancel().stream())};
    case wire::Envelope::kTaskOffer:
      return TaskOffer{from_wire(in, from.task_offer())};
    case wire::Envelope::kTaskCancel:
      return TaskCancel{from_wire(in, from.task_cancel().key()),
                        from_wire(in, from.task_cancel().reason())};
    case wire::Envelope::kTaskVerdict:
      return TaskVerdict{from_wire(in, from.task_verdict().key()),
                         from_wire(in, from.task_verdict().reason()),
                         in.text("detail", from.task_verdict().detail(), kTextMax)};
    case wire::Envelope::kRoundCommitted:
      return RoundCommitted{job_of(in, from.round_committed().job()),
                            from.round_committed().round()};
    case wire::Envelope::kTaskAccepted:
      return TaskAccepted{from_wire(in, from.task_accepted().key())};
    case wire::Envelope::kTaskProgress:
      return TaskProgress{from_wire(in, from.task_progress().key()), from.task_progress().done(),
                          from.task_progress().total()};
    case wire::Envelope::kSumRequest:
      return from_wire(in, from.sum_request());
    case wire::Envelope::kSumAnswer:
      return from_wire(in, from.sum_answer());
    case wire::Envelope::kAuditHead:
      return from_wire(in, from.audit_head());
    case wire::Envelope::kAuditCountersignature:
      return from_wire(in, from.audit_countersignature());
    default:
      return from_wire(in, from.task_result());
  }
}

JobList read_jobs(FieldReader& in, const wire::JobList& from) {
  JobList list;
  in.count("jobs", from.jobs_size(), limits::kJobsMax);
  for (const wire::JobSummary& job : from.jobs()) list.jobs.push_back(from_wire(in, job));
  list.next = from.next();
  return list;
}

// Operators' requests and replies.
Message read_operator(FieldReader& in, const wire::Envelope& from) {
  switch (from.body_case()) {
    case wire::Envelope::kSubmitJob:
      return from_wire(in, from.submit_job());
    case wire::Envelope::kJobSubmitted:
      return JobSubmitted{job_of(in, from.job_submitted().job()), from.job_submitted().existed()};
    case wire::Envelope::kListJobs:
      return ListJobs{from.list_jobs().from()};
    case wire::Envelope::kJobList:
      return read_jobs(in, from.job_list());
    case wire::Envelope::kShowJob:
      return ShowJob{job_of(in, from.show_job().job()), from_wire(from.show_job().from())};
    case wire::Envelope::kJobDetail:
      return from_wire(in, from.job_detail());
    case wire::Envelope::kAbortJob:
      return AbortJob{job_of(in, from.abort_job().job()),
                      in.text("why", from.abort_job().why(), kTextMax)};
    case wire::Envelope::kJobAborted:
      return JobAborted{job_of(in, from.job_aborted().job())};
    case wire::Envelope::kChangeJob:
      return from_wire(in, from.change_job());
    case wire::Envelope::kJobChanged:
      return JobChanged{job_of(in, from.job_changed().job())};
    case wire::Envelope::kGetStatus:
      return GetStatus{from.get_status().from()};
    case wire::Envelope::kStatusReply:
      return from_wire(in, from.status_reply());
    case wire::Envelope::kWatchJob:
      return WatchJob{job_of(in, from.watch_job().job()), from_wire(from.watch_job().from())};
    case wire::Envelope::kEvent:
      return Event{from.event().wall_ms(), in.text("name", from.event().name(), kTextMax),
                   in.text("json", from.event().json(), limits::kControlBytesMax)};
    case wire::Envelope::kGetModel:
      return GetModel{job_of(in, from.get_model().job()),
                      in.text("which", from.get_model().which(), kTextMax)};
    case wire::Envelope::kControlSite:
      return from_wire(in, from.control_site());
    case wire::Envelope::kSiteControlled:
      return read_controlled(in, from.site_controlled());
    case wire::Envelope::kModelInfo:
      return ModelInfo{
          job_of(in, from.model_info().job()), from.model_info().round(),
          from_wire(in, from.model_info().model()),
          in.text("document", from.model_info().document(), limits::kJobDocumentBytesMax),
          from_wire(in, from.model_info().plan())};
    default:
      return RequestFailed{
          from_wire(in, from.request_failed().code()),
          in.text("message", from.request_failed().message(), limits::kControlBytesMax)};
  }
}

Message read_enrolment(FieldReader& in, const wire::Envelope& from) {
  switch (from.body_case()) {
    case wire::Envelope::kGetRoot:
      return GetRoot{};
    case wire::Envelope::kRootCertificate:
      return RootCertificate{
          in.text("certificate", from.root_certificate().certificate(), kPemMax)};
    case wire::Envelope::kEnrol:
      return from_wire(in, from.enrol());
    case wire::Envelope::kEnrolAnswer:
      return from_wire(in, from.enrol_answer());
    case wire::Envelope::kRenewCertificate:
      return RenewCertificate{in.text("request", from.renew_certificate().request(), kPemMax)};
    case wire::Envelope::kTrustUpdate:
      return from_wire(in, from.trust_update());
    case wire::Envelope::kInviteSite:
      return from_wire(in, from.invite_site());
    case wire::Envelope::kSiteInvited:
      return SiteInvited{SiteName{in.name("site", from.site_invited().site())},
                         in.not_negative("until_wall_ms", from.site_invited().until_wall_ms())};
    case wire::Envelope::kListEnrolments:
      return ListEnrolments{from.list_enrolments().from()};
    case wire::Envelope::kEnrolmentList:
      return from_wire(in, from.enrolment_list());
    case wire::Envelope::kDecideEnrolment:
      return from_wire(in, from.decide_enrolment());
    default:
      return EnrolmentDecided{SiteName{in.name("site", from.enrolment_decided().site())}};
  }
}

std::string name_of(const wire::Envelope& envelope) {
  const auto* body =
      wire::Envelope::descriptor()->FindFieldByNumber(static_cast<int>(envelope.body_case()));
  return body == nullptr ? "empty" : body->name();
}

}  // namespace

Result<Bytes> encode_message(const Message& message) {
  wire::Envelope envelope;
  std::visit(Encoder{envelope}, message);
  const std::size_t size = envelope.ByteSizeLong();
  if (size > limits::kControlBytesMax) {
    return make_error(ErrorCode::kResourceExhausted, "a " + name_of(envelope) + " message of " +
                                                         std::to_string(size) + " bytes; at most " +
                                                         std::to_string(limits::kControlBytesMax) +
                                                         " are allowed");
  }
  Bytes bytes(size);
  envelope.SerializeToArray(bytes.data(), static_cast<int>(size));
  return bytes;
}

Result<Message> decode_message(ByteView bytes) {
  // Protobuf would write to our standard error whatever a peer does wrong, as often as it likes.
  [[maybe_unused]] static const auto loud = google::protobuf::SetLogHandler(nullptr);
  wire::Envelope envelope;
  if (bytes.size() > limits::kControlBytesMax ||
      !envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return make_error(ErrorCode::kProtocol, "a control frame that is no message");
  }
  if (envelope.body_case() == wire::Envelope::BODY_NOT_SET) {
    return make_error(ErrorCode::kProtocol, "a control frame without a message this version knows");
  }
  FieldReader in;
  const auto body = envelope.body_case();
  const Message message = body < wire::Envelope::kSubmitJob ? read_work(in, envelope)
                          : body < wire::Envelope::kGetRoot ? read_operator(in, envelope)
                                                            : read_enrolment(in, envelope);
  if (Status good = in.status(); !good)
    return std::move(good).error().with_context(name_of(envelope));
  return message;
}

std::string message_name(const Message& message) {
  wire::Envelope envelope;
  std::visit(Encoder{envelope}, message);
  return name_of(envelope);
}

}  // namespace tributary
