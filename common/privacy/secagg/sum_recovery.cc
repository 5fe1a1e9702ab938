// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_recovery.h"

#include <algorithm>
#include <set>

#include "common/privacy/secagg/share_repair.h"
#include "common/privacy/secagg/sum_secrets.h"

namespace tributary {
namespace {

class Recoverer {
 public:
  explicit Recoverer(const SumRecovery& given) : given_(given) {}

  RecoveredMasks run() {
    for (const std::size_t member : given_.sharing.list()) {
      const auto liars = recover(member);
      if (!liars) {
        masks_.fault =
            "of '" + given_.session.roster()[member].site.value + "': " + liars.error().message;
        return std::move(masks_);
      }
      for (const std::size_t liar : *liars) {
        if (liars_.insert(liar).second) masks_.liars.push_back({liar, member});
      }
    }
    return std::move(masks_);
  }

 private:
  // What takes one member's part of the masks off: its own mask if its input is in the sum,
  // otherwise those that its neighbours had with it. Returns whose shares were wrong.
  Result<std::vector<std::size_t>> recover(std::size_t member) {
    const SumSession& session = given_.session;
    const auto fits = [&](const SecretKey& secret) {
      if (!given_.survivors.has(member))
        return agreement_public_key(secret) == session.roster()[member].mask_key;
      return own_secret_commitment(session.id(), member, secret) == given_.commitments.at(member);
    };
    // Those who lied before come last: finding errors takes long, and is done once.
    const std::vector<std::size_t> sharers = session.graph().neighbours(member);
    std::vector<Share> shares = given_.revealed.at(member);
    std::ranges::stable_partition(shares, [&](const Share& share) {
      return !liars_.contains(sharers[static_cast<std::size_t>(share.point - 1)]);
    });
    TRIB_TRY(recovered, recover_secret(shares, session.threshold(), fits));
    add_masks(member, recovered.secret);
    std::vector<std::size_t> liars;
    for (const std::uint64_t point : recovered.wrong)
      liars.push_back(sharers[static_cast<std::size_t>(point - 1)]);
    return liars;
  }

  void add_masks(std::size_t member, const SecretKey& secret) {
    const SumSession& session = given_.session;
    const Digest& id = session.id();
    if (given_.survivors.has(member)) {
      masks_.numbers.push_back({own_mask_key(secret, id, SumPart::kNumbers), false});
      masks_.wide.push_back({own_mask_key(secret, id, SumPart::kWide), false});
      return;
    }
    for (const std::size_t peer : session.graph().neighbours(member, given_.survivors)) {
      const auto pair = pair_secret(secret, session.roster()[peer].mask_key);
      if (!pair) continue;  // the peer would have refused it too
      const std::size_t low = std::min(member, peer), high = std::max(member, peer);
      const bool added = peer != low;
      masks_.numbers.push_back({pair_mask_key(*pair, id, SumPart::kNumbers, low, high), added});
      masks_.wide.push_back({pair_mask_key(*pair, id, SumPart::kWide, low, high), added});
    }
  }

  const SumRecovery& given_;
  std::set<std::size_t> liars_;
  RecoveredMasks masks_;
};

}  // namespace

RecoveredMasks recover_masks(const SumRecovery& recovery) { return Recoverer(recovery).run(); }

}  // namespace tributary
