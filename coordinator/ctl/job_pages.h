// SPDX-License-Identifier: Apache-2.0
// A job's records come in pages. Plain functions, any thread.
#pragma once

#include "common/base/result.h"
#include "common/domain/operator_messages.h"

namespace tributary {

// Puts `page`, asked for at whole.next, at the end of `whole`. kProtocol if it leads nowhere.
Status append_page(JobDetail& whole, JobDetail page);

}  // namespace tributary
