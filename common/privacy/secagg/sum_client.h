// SPDX-License-Identifier: Apache-2.0
// SumClient: one site's part in a secure sum, as message -> answer. It believes the coordinator
// nothing that the other members did not sign, and leaves for good, with the reason, at the first
// message that no honest coordinator sends; it then has given out no share in the clear. Its
// secrets are in memory only: a process that ends has left the sum. Messages may come again and are
// answered as before. One thread. It does no I/O; the caller makes what `remember` says durable
// before it sends the answers beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/base/random_source.h"
#include "common/crypto/key_material.h"
#include "common/privacy/secagg/masks.h"
#include "common/privacy/secagg/rerun_rule.h"
#include "common/privacy/secagg/shamir.h"
#include "common/privacy/secagg/sum_notary.h"
#include "common/privacy/secagg/sum_secrets.h"
#include "common/privacy/secagg/sum_session.h"

namespace tributary {

using SumAnswerBody = decltype(SumAnswer::body);
using SumRequestBody = decltype(SumRequest::body);

struct SumStep {
  std::vector<SumAnswerBody> answers;
  bool input_due = false;  // mask the input with masks(), then call give_input()
  std::optional<PastSum> remember;
};

class SumClient {
 public:
  struct Rules {
    std::size_t least = 3;  // sites that a sum is at least made of
    // Sums that this site gave its input to, as they are when it is asked; none: there are none.
    std::function<Result<std::vector<PastSum>>()> past = {};
  };
  // `notary` and `random` (SecureRandom) outlive it. Errors are the notary's.
  static Result<SumClient> make(const SumContext& context, SiteName self, Rules rules,
                                const SumNotary& notary, RandomSource& random);

  // To be sent first, and again on each new link.
  const SumKeys& keys() const { return keys_; }
  SumStep handle(const SumRequestBody& message);
  // How many members there are; from when the roster is known.
  std::size_t members() const { return session_ ? session_->members() : 0; }
  // What hides this site's input from when it is due.
  std::vector<Mask> masks(SumPart part) const;
  // The masked input is at `input`, durable.
  SumStep give_input(const BlobRef& input);
  const std::optional<SumAborted>& aborted() const { return aborted_; }
  // Its input is with the coordinator, so that the sum may be made whatever this site does next.
  bool has_given() const { return !aborted_ && step_ >= Step::kMasked; }
  // What it said last, for a coordinator that goes on with this sum after a crash.
  const SumAnswerBody& last() const { return last_; }

 private:
  enum class Step { kAdvertised, kShared, kMasking, kMasked, kAgreed, kRevealed };
  struct Handler;

  SumClient(SumContext context, SiteName self, Rules rules, const SumNotary& notary,
            RandomSource& random)
      : context_(std::move(context)),
        self_name_(std::move(self)),
        rules_(std::move(rules)),
        notary_(&notary),
        random_(&random) {}

  SumStep on_roster(const SumRoster& message);
  SumStep on_shares(const SumSharesPassed& message);
  SumStep on_survivors(const SumSurvivors& message);
  SumStep on_agreements(const SumAgreements& message);
  SumStep abort(SumAbortReason reason, std::string detail);
  SumStep abort(const SumAborted& why) { return abort(why.reason, why.detail); }
  SumStep again() const { return {{last_}, false, {}}; }
  SumStep answer(Step next, SumAnswerBody body);

  SumStep take_roster();
  std::optional<SumAborted> fault_of_members() const;
  Result<SumShares> share_secrets();
  std::optional<SumAborted> take_shares(const SumSharesPassed& message, const MemberSet& sharing);
  Result<std::pair<Share, Share>> open_shares(std::size_t from) const;  // of mask key, own secret
  PastSum past() const;
  Result<SumReveal> reveal() const;
  void wipe();

  SumContext context_;
  SiteName self_name_;
  Rules rules_;
  const SumNotary* notary_;
  RandomSource* random_;
  SumKeys keys_;
  Step step_ = Step::kAdvertised;
  std::optional<SumAborted> aborted_;
  SumAnswerBody last_;               // of this step
  std::vector<SumMember> arriving_;  // parts of the roster
  std::string issuers_;
  std::optional<SumSession> session_;
  std::size_t self_ = 0;  // this member's number
  std::optional<MemberSet> sharing_, survivors_;
  std::map<std::size_t, Bytes> sealed_;  // shares of neighbours' secrets, by member
  std::optional<SecretKey> share_secret_, mask_secret_, own_secret_;
};

}  // namespace tributary
