// SPDX-License-Identifier: Apache-2.0
// Page: a part of a list of rows, each as large as may go into one message. Pages are counted in
// rows: what comes to the list between two of them may be told twice, and nothing is left out as
// long as nothing goes. One owner, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/domain/messages.h"

namespace tributary {

// Well below the largest frame (kControlBytesMax), with whatever else the message has.
inline constexpr std::size_t kPageBytes = 512u << 10;

// What a row takes on the wire, at most.
std::size_t bytes_of(const SiteRow& row);
std::size_t bytes_of(const JobSummary& row);
std::size_t bytes_of(const EnrolmentRow& row);

class Page {
 public:
  explicit Page(std::uint32_t from) : from_(from) {}

  // Into `rows` if it is this page's. Each row of the list is offered, in order.
  template <typename Row>
  void offer(const Row& row, std::vector<Row>& rows) {
    const std::uint32_t number = offered_++;
    if (number < from_ || next_ > 0) return;
    if (bytes_ >= kPageBytes) {
      next_ = number;
      return;
    }
    bytes_ += bytes_of(row);
    rows.push_back(row);
  }
  // Where the next page begins; 0: there is none.
  std::uint32_t next() const { return next_; }

 private:
  std::uint32_t from_;
  std::uint32_t offered_ = 0;
  std::uint32_t next_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace tributary
