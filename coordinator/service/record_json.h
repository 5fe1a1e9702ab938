// SPDX-License-Identifier: Apache-2.0
// The coordinator's records as JSON text, as the state store keeps them: readable with sqlite3,
// every number exact. Plain functions, any thread. A text that is not what we wrote is kDataLoss.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/domain/operator_messages.h"
#include "coordinator/round/job_record.h"

namespace tributary {

std::string job_record_to_json(
    const JobRecord& record);  // without the document, which has its own column
Result<JobRecord> job_record_from_json(std::string_view text, std::string document);

std::string accepted_to_json(const AcceptedUpdate& update);
Result<AcceptedUpdate> accepted_from_json(std::string_view text);

std::string round_row_to_json(const RoundRow& row);
Result<RoundRow> round_row_from_json(std::string_view text);

// With all that an accountant, ours or another, has to know: the epsilon can be computed again.
std::string site_spending_to_json(const SiteSpending& spending);
Result<SiteSpending> site_spending_from_json(std::string_view text);

std::string site_row_to_json(
    const SiteRow& row);  // what outlives a link: address, software, datasets, last seen
Result<SiteRow> site_row_from_json(std::string_view text);

}  // namespace tributary
