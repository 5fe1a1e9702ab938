// SPDX-License-Identifier: Apache-2.0
// Long replies come in pages. Each function puts `page`, asked for at whole.next, at the end of
// `whole`; kProtocol if it leads nowhere. Plain functions, any thread.
#pragma once

#include "common/base/result.h"
#include "common/domain/messages.h"

namespace tributary {

Status append_page(JobDetail& whole, JobDetail page);
Status append_page(JobList& whole, JobList page);
Status append_page(StatusReply& whole, StatusReply page);
Status append_page(EnrolmentList& whole, EnrolmentList page);

}  // namespace tributary
