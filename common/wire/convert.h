// SPDX-License-Identifier: Apache-2.0
// Converters between domain structs and Protobuf messages, one pair for each; inside this room
// only. `to_wire` fills a fresh message, `from_wire` checks into `in`. Any thread.
#pragma once

#include "common/domain/messages.h"
#include "common/wire/field_reader.h"
#include "tributary/v1/control.pb.h"

namespace tributary {

namespace wire = ::tributary::v1;

// --- enumerations (convert_task.cc): domain order + 1, so that 0 stays "unspecified" ---
wire::ErrorCode to_wire(ErrorCode code);
ErrorCode from_wire(FieldReader& in, wire::ErrorCode code);
wire::Reason to_wire(Reason reason);
Reason from_wire(FieldReader& in, wire::Reason reason);

// --- data (convert_data.cc) ---
void to_wire(const DataSummary& from, wire::DataSummary& to);
DataSummary from_wire(FieldReader& in, const wire::DataSummary& from);
void to_wire(const DataPlan& from, wire::DataPlan& to);
DataPlan from_wire(FieldReader& in, const wire::DataPlan& from);
void to_wire(const EvaluationCounts& from, wire::EvaluationCounts& to);
EvaluationCounts from_wire(FieldReader& in, const wire::EvaluationCounts& from);

// --- tasks and blobs (convert_task.cc) ---
void to_wire(const BlobRef& from, wire::BlobRef& to);
BlobRef from_wire(FieldReader& in, const wire::BlobRef& from);
void to_wire(const TaskKey& from, wire::TaskKey& to);
TaskKey from_wire(FieldReader& in, const wire::TaskKey& from);
void to_wire(const JobSignature& from, wire::JobSignature& to);
JobSignature from_wire(FieldReader& in, const wire::JobSignature& from);
void to_wire(const Task& from, wire::TaskOffer& to);
Task from_wire(FieldReader& in, const wire::TaskOffer& from);
void to_wire(const TaskResult& from, wire::TaskResult& to);
TaskResult from_wire(FieldReader& in, const wire::TaskResult& from);

// --- audit (convert_audit.cc) ---
void to_wire(const AuditHead& from, wire::AuditHead& to);
AuditHead from_wire(FieldReader& in, const wire::AuditHead& from);
void to_wire(const AuditCountersignature& from, wire::AuditCountersignature& to);
AuditCountersignature from_wire(FieldReader& in, const wire::AuditCountersignature& from);

// --- secure sums (convert_secure_sum.cc) ---
void to_wire(const SumRequest& from, wire::SumRequest& to);
SumRequest from_wire(FieldReader& in, const wire::SumRequest& from);
void to_wire(const SumAnswer& from, wire::SumAnswer& to);
SumAnswer from_wire(FieldReader& in, const wire::SumAnswer& from);

// --- enrolment (convert_enrolment.cc) ---
void to_wire(const Enrol& from, wire::Enrol& to);
Enrol from_wire(FieldReader& in, const wire::Enrol& from);
void to_wire(const EnrolAnswer& from, wire::EnrolAnswer& to);
EnrolAnswer from_wire(FieldReader& in, const wire::EnrolAnswer& from);
void to_wire(const TrustUpdate& from, wire::TrustUpdate& to);
TrustUpdate from_wire(FieldReader& in, const wire::TrustUpdate& from);
void to_wire(const InviteSite& from, wire::InviteSite& to);
InviteSite from_wire(FieldReader& in, const wire::InviteSite& from);
void to_wire(const EnrolmentList& from, wire::EnrolmentList& to);
EnrolmentList from_wire(FieldReader& in, const wire::EnrolmentList& from);
void to_wire(const DecideEnrolment& from, wire::DecideEnrolment& to);
DecideEnrolment from_wire(FieldReader& in, const wire::DecideEnrolment& from);

// --- operators (convert_operator.cc) ---
void to_wire(const SubmitJob& from, wire::SubmitJob& to);
SubmitJob from_wire(FieldReader& in, const wire::SubmitJob& from);
void to_wire(const JobSummary& from, wire::JobSummary& to);
JobSummary from_wire(FieldReader& in, const wire::JobSummary& from);
void to_wire(const RecordPosition& from, wire::RecordPosition& to);
RecordPosition from_wire(const wire::RecordPosition& from);
void to_wire(const JobDetail& from, wire::JobDetail& to);
JobDetail from_wire(FieldReader& in, const wire::JobDetail& from);
void to_wire(const ChangeJob& from, wire::ChangeJob& to);
ChangeJob from_wire(FieldReader& in, const wire::ChangeJob& from);
void to_wire(const ControlSite& from, wire::ControlSite& to);
ControlSite from_wire(FieldReader& in, const wire::ControlSite& from);
void to_wire(const StatusReply& from, wire::StatusReply& to);
StatusReply from_wire(FieldReader& in, const wire::StatusReply& from);

}  // namespace tributary
