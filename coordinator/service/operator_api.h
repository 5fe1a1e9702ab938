// SPDX-License-Identifier: Apache-2.0
// OperatorApi: answers an operator's requests (submit, list, show, abort, status, model) from the
// driver and the state store. Engine thread only. It knows no link: `watch` is the operator
// session's, which follows the event log.
#pragma once

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/domain/messages.h"
#include "coordinator/service/driver.h"
#include "coordinator/service/enrolments.h"
#include "coordinator/service/site_registry.h"

namespace tributary {

class OperatorApi {
 public:
  struct Ports {
    const Clock& clock;
    Driver& driver;
    StateStore& store;
    ModelRepository& models;
    std::string software;
    TimePoint started;
    SiteRegistry& registry;
    Enrolments& enrolments;
  };
  explicit OperatorApi(Ports ports) : ports_(std::move(ports)) {}

  // The reply to a request, or RequestFailed with what was wrong. Messages that are no request are
  // refused. The model file of a job to submit, if it has one, is in the blob store already.
  // `who` is the operator's name.
  Message answer(const std::string& who, const Message& request);
  // Whether a job could be submitted, before its model file is fetched.
  Status check(const std::string& who, const SubmitJob& request) const {
    return ports_.driver.check(request, who);
  }
  // Whether that operator submitted the job, as its signature says.
  bool is_of(const JobId& job, const std::string& who) const;

 private:
  Result<Message> dispatch(const std::string& who, const Message& request);
  Result<const JobMachine*> unfinished(const JobId& id) const;
  Status change(const std::string& who, const ChangeJob& request);
  Result<JobDetail> show(const ShowJob& request);
  Result<ModelInfo> model(const GetModel& request);
  Status show_ledger(const JobSpec& spec, JobDetail& page) const;
  Digest committed_model(const JobRecord& record, RoundNumber round) const;
  JobList list(const ListJobs& request) const;
  StatusReply status(const GetStatus& request) const;
  JobSummary summary_of(const JobRecord& record) const;

  Ports ports_;
  // The records of the job that was shown last, between its pages: they only ever grow, but for the
  // phase under way, which is last and read anew with the last page.
  JobId shown_;
  std::vector<RoundRow> records_;
};

}  // namespace tributary
