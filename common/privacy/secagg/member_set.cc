// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/member_set.h"

#include <algorithm>

namespace tributary {

MemberSet MemberSet::all(std::size_t members) {
  MemberSet set(members);
  set.has_.assign(members, true);
  return set;
}

Result<MemberSet> MemberSet::from_bitmap(const SumBitmap& bitmap, std::size_t members) {
  MemberSet set(members);
  bool fits = bitmap.size() == (members + 7) / 8;
  for (std::size_t i = 0; fits && i < 8 * bitmap.size(); ++i) {
    const bool has = (std::to_integer<unsigned>(bitmap[i / 8]) >> (i % 8) & 1) != 0;
    fits = !has || i < members;
    if (has && fits) set.add(i);
  }
  if (fits) return set;
  return make_error(ErrorCode::kInvalidArgument,
                    "these are not the bits of " + std::to_string(members) + " members");
}

SumBitmap MemberSet::bitmap() const {
  SumBitmap bitmap((has_.size() + 7) / 8);
  for (std::size_t i = 0; i < has_.size(); ++i) {
    if (has_[i]) bitmap[i / 8] |= static_cast<std::byte>(1u << (i % 8));
  }
  return bitmap;
}

std::size_t MemberSet::count() const {
  return static_cast<std::size_t>(std::ranges::count(has_, true));
}

std::vector<std::size_t> MemberSet::list() const {
  std::vector<std::size_t> members;
  for (std::size_t i = 0; i < has_.size(); ++i) {
    if (has_[i]) members.push_back(i);
  }
  return members;
}

bool MemberSet::includes(const MemberSet& other) const {
  for (std::size_t i = 0; i < other.has_.size(); ++i) {
    if (other.has_[i] && !has(i)) return false;
  }
  return true;
}

}  // namespace tributary
