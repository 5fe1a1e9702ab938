// SPDX-License-Identifier: Apache-2.0
// Enrolment: what the state store keeps of one request for a certificate: JSON text, readable with
// sqlite3. Plain values, any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/domain/enrolment.h"

namespace tributary {

struct Enrolment {
  EnrolmentRow row;
  Digest token_hash;         // of an invitation
  std::string certificates;  // once issued
};

std::string enrolment_to_json(const Enrolment& enrolment);
// A text that is not what we wrote is kDataLoss.
Result<Enrolment> enrolment_from_json(std::string_view text);

}  // namespace tributary
