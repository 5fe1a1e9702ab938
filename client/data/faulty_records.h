// SPDX-License-Identifier: Apache-2.0
// FaultyRecords: records of a dataset that cannot be read (a line of the wrong width, a broken
// picture), counted and held against the share that the site allows. One owner, one thread. It
// keeps places, never values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tributary {

class FaultyRecords {
 public:
  // `share_max`: of all records; 0: none may be faulty, and the first one ends the reading.
  explicit FaultyRecords(double share_max = 0.0) : share_max_(share_max) {}

  // A record is passed over; or, where none may be, `fault` comes back. `fault` may leave the site;
  // `place` has file and line, or the file's name, and stays.
  Status add(Error fault, std::string place);
  // When all are read, `fine` of them without a fault. Beyond the share: the first one's fault,
  // with the count in `local_detail`.
  Status check(std::uint64_t fine, std::string& local_detail) const;

  std::uint64_t count() const { return count_; }
  // The first limits::kFaultyRecordsNamed.
  const std::vector<std::string>& places() const { return places_; }

 private:
  double share_max_;
  std::uint64_t count_ = 0;
  std::vector<std::string> places_;
  std::optional<Error> first_;
};

}  // namespace tributary
