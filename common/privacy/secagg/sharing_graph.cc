// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sharing_graph.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "common/base/random_source.h"
#include "common/crypto/key_material.h"

namespace tributary {
namespace {

// Numbers that follow from a digest alone: AES-256-CTR under it.
class DigestRandom final : public RandomSource {
 public:
  explicit DigestRandom(const Digest& digest)
      : stream_(derive_key(digest.bytes, digest.bytes, "order of the ring")) {}

  std::uint64_t next_u64() override {
    std::array<std::byte, 16> block;
    stream_.read_at(16 * next_++, block);
    return get_little_endian<std::uint64_t>(block.data());
  }

 private:
  KeyStream stream_;
  std::uint64_t next_ = 0;
};

}  // namespace

SharingGraph::SharingGraph(std::size_t members, const SharingPlan& plan, const Digest& roster)
    : plan_(plan) {
  if (plan.complete) {
    position_.resize(members);
    return;
  }
  ring_.resize(members);
  std::iota(ring_.begin(), ring_.end(), std::size_t{0});
  DigestRandom random(roster);
  random.shuffle(ring_);
  position_.resize(members);
  for (std::size_t i = 0; i < members; ++i) position_[ring_[i]] = i;
}

std::vector<std::size_t> SharingGraph::neighbours(std::size_t member) const {
  std::vector<std::size_t> found;
  const std::size_t members = position_.size();
  if (plan_.complete) {
    for (std::size_t i = 0; i < members; ++i) {
      if (i != member) found.push_back(i);
    }
    return found;
  }
  for (std::size_t distance = 1; distance <= plan_.degree / 2; ++distance) {
    found.push_back(ring_[(position_[member] + distance) % members]);
    found.push_back(ring_[(position_[member] + members - distance) % members]);
  }
  std::ranges::sort(found);
  return found;
}

std::vector<std::size_t> SharingGraph::neighbours(std::size_t member, const MemberSet& set) const {
  std::vector<std::size_t> found = neighbours(member);
  std::erase_if(found, [&set](std::size_t neighbour) { return !set.has(neighbour); });
  return found;
}

std::optional<SumAborted> SharingGraph::fault_of(const MemberSet& survivors,
                                                 const CohortRisks& risks,
                                                 std::size_t least) const {
  const std::size_t members = position_.size(), left = survivors.count();
  const std::size_t wanted = fewest_survivors(static_cast<std::uint32_t>(members), risks,
                                              static_cast<std::uint32_t>(least));
  if (left < wanted) {
    return SumAborted{SumAbortReason::kSurvivorsTooFew,
                      std::to_string(left) + " of " + std::to_string(members) + " are left, and " +
                          std::to_string(wanted) + " have to be"};
  }
  for (const std::size_t member : survivors.list()) {
    const std::size_t living = neighbours(member, survivors).size();
    if (living >= plan_.threshold) continue;
    return SumAborted{SumAbortReason::kSurvivorsCutOff,
                      "member " + std::to_string(member) + " has " + std::to_string(living) +
                          " living neighbours, and " + std::to_string(plan_.threshold) +
                          " shares are needed"};
  }
  if (plan_.complete) return std::nullopt;
  const std::size_t friends =
      adversaries_among(static_cast<std::uint32_t>(members), risks, plan_.degree / 2);
  if (const auto at = emptiest_window(survivors, friends + 1)) {
    return SumAborted{SumAbortReason::kSurvivorsCutOff,
                      "of the " + std::to_string(plan_.degree / 2) + " members from place " +
                          std::to_string(*at) + " of the ring on, fewer than " +
                          std::to_string(friends + 1) + " are left"};
  }
  return std::nullopt;
}

// Where so few are left among as many places as a neighbourhood reaches to one side that all of
// them may be the server's friends.
std::optional<std::size_t> SharingGraph::emptiest_window(const MemberSet& survivors,
                                                         std::size_t least) const {
  const std::size_t width = plan_.degree / 2;
  const auto living = [&](std::size_t place) {
    return survivors.has(ring_[place % ring_.size()]) ? std::size_t{1} : std::size_t{0};
  };
  std::size_t left = 0;
  for (std::size_t i = 0; i < width; ++i) left += living(i);
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    if (left < least) return i;
    left += living(i + width) - living(i);
  }
  return std::nullopt;
}

}  // namespace tributary
