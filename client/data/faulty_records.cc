// SPDX-License-Identifier: Apache-2.0
#include "client/data/faulty_records.h"

#include "common/base/limits.h"
#include "common/base/short_number.h"

namespace tributary {

Status FaultyRecords::add(Error fault, std::string place) {
  if (share_max_ == 0.0) return fault;
  ++count_;
  if (places_.size() < limits::kFaultyRecordsNamed) places_.push_back(std::move(place));
  if (!first_) first_ = std::move(fault);
  return {};
}

Status FaultyRecords::check(std::uint64_t fine, std::string& local_detail) const {
  const auto all = static_cast<double>(fine + count_);
  if (count_ == 0 || static_cast<double>(count_) <= share_max_ * all) return {};
  local_detail = std::to_string(count_) + " of " + std::to_string(fine + count_) +
                 " records are faulty, faulty_records_max allows a share of " +
                 short_number(share_max_) + "; the first is " + places_.front();
  return *first_;
}

}  // namespace tributary
