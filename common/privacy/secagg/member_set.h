// SPDX-License-Identifier: Apache-2.0
// MemberSet: some of the members of a roster, which are numbered from 0. A plain value, any thread.
#pragma once

#include <cstddef>
#include <vector>

#include "common/base/result.h"
#include "common/domain/secure_sum.h"

namespace tributary {

class MemberSet {
 public:
  explicit MemberSet(std::size_t members) : has_(members, false) {}
  static MemberSet all(std::size_t members);
  // kInvalidArgument: not the bits of so many members.
  static Result<MemberSet> from_bitmap(const SumBitmap& bitmap, std::size_t members);
  SumBitmap bitmap() const;

  void add(std::size_t member) { has_.at(member) = true; }
  void remove(std::size_t member) { has_.at(member) = false; }
  bool has(std::size_t member) const { return has_.at(member); }
  std::size_t count() const;
  std::size_t members() const { return has_.size(); }  // of the roster
  std::vector<std::size_t> list() const;               // those in it, in order
  bool includes(const MemberSet& other) const;
  bool operator==(const MemberSet&) const = default;

 private:
  std::vector<bool> has_;
};

}  // namespace tributary
