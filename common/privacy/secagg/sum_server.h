// SPDX-License-Identifier: Apache-2.0
// SumServer: the coordinator's part in a secure sum, as (now, event) -> effects: collects keys,
// passes shares, counts inputs, has the survivors agree, and asks for what takes their masks off.
// Each of its five waits ends, with everybody or at its time; who is missing then is out. It sees
// no input: the caller fetches and adds them. One thread. It does no I/O and reads no clock.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/privacy/secagg/shamir.h"
#include "common/privacy/secagg/sum_client.h"
#include "common/privacy/secagg/sum_notary.h"
#include "common/privacy/secagg/sum_recovery.h"
#include "common/privacy/secagg/sum_session.h"
#include "common/privacy/secagg/sum_snapshot.h"

namespace tributary {

struct SumSend {
  SiteName site;
  SumRequestBody body;
};
// Of the bytes that an input of the sum has; answered by SumInputArrived or SiteGone.
struct SumFetch {
  SiteName site;
  BlobRef masked;
};
struct SumAdd {
  SiteName site;
  BlobRef masked;
};  // to the sum: it is in from now on
// A site's part is over; the sum goes on without it, or with what it gave.
struct SumLeft {
  SiteName site;
  std::string reason;  // abort_name, or one of this side: "late", "gone", "lied"
  std::string detail;
};
// To be made durable, with the sum of the inputs as it is now, before what follows from it leaves;
// answered by kept().
struct SumKeep {
  SumSnapshot snapshot;
};
// recover_masks() of it, which takes its time; answered by recovered().
struct SumRecover {
  SumRecovery recovery;
};
// Everything to take from the sum of the inputs.
struct SumUnmask {
  std::vector<Mask> numbers, wide;
  std::vector<SiteName> survivors;
};
struct SumFailed {
  std::string reason;
  std::string detail;
};
using SumEffect =
    std::variant<SumSend, SumFetch, SumAdd, SumLeft, SumKeep, SumRecover, SumUnmask, SumFailed>;
using SumEffects = std::vector<SumEffect>;

class SumServer {
 public:
  struct Options {
    std::size_t least = 3;          // sites that a sum is at least made of
    Milliseconds step{60'000};      // each wait
    std::uint64_t input_bytes = 0;  // of each input
  };
  // `sites` are those that will take part; `notary` outlives it.
  SumServer(SumContext context, std::vector<SiteName> sites, Options options,
            const SumNotary& notary, TimePoint now);
  // Goes on where a server was whose sum was kept, with the same survivors and no others. Members
  // are sent nothing before they say again what they said last. kDataLoss: these are no parts of
  // one sum about `context`, or not one that may be shown.
  static Result<std::unique_ptr<SumServer>> resume(SumContext context, const SumSnapshot& kept,
                                                   Options options, const SumNotary& notary,
                                                   TimePoint now);

  // Keys that come again, from a new link, are answered with what the site may have missed.
  [[nodiscard]] SumEffects handle(TimePoint now, const SiteName& site, const SumAnswerBody& answer);
  // An announced input is here, its digest right.
  [[nodiscard]] SumEffects input_arrived(TimePoint now, const SiteName& site, const Digest& input);
  // It will answer no more; or its process has ended, and with it its secrets.
  [[nodiscard]] SumEffects gone(TimePoint now, const SiteName& site, const std::string& why);
  // What was to be kept is, or cannot be; the sum goes on.
  [[nodiscard]] SumEffects kept(TimePoint now);
  [[nodiscard]] SumEffects recovered(TimePoint now, const RecoveredMasks& masks);
  [[nodiscard]] SumEffects pass_time(TimePoint now);
  // When to call pass_time() at the latest; none: it is over, or waits for its caller.
  std::optional<TimePoint> next_wake() const;
  bool over() const { return phase_ == Phase::kOver; }
  std::size_t members() const { return session_ ? session_->members() : 0; }  // of the roster
  std::string_view phase() const;  // for people: "keys", "shares" ...
  // From when it is certain whose inputs are in the sum.
  std::vector<SiteName> survivors() const;

 private:
  enum class Phase { kKeys, kShares, kInputs, kAgreements, kReveals, kOver };
  enum class Busy { kNo, kKeeping, kRecovering };  // of its caller
  struct Handler;

  void on_keys(const SiteName& site, const SumKeys& keys);
  void on_keys_again(const SiteName& site, const SumKeys& keys);
  void tell_again(std::size_t member);
  void on_shares(std::size_t member, const SumShares& shares);
  void on_input(std::size_t member, const SumInput& input);
  void on_agreement(std::size_t member, const SumAgreement& agreement);
  void on_reveal(std::size_t member, const SumReveal& reveal);
  void leave(const SiteName& site, const std::string& reason, const std::string& detail);
  void fail(std::string reason, std::string detail);
  void fail(const SumAborted& why) { fail(std::string(abort_name(why.reason)), why.detail); }
  void drop_late(TimePoint now);
  bool all_here() const;
  void advance(TimePoint now);
  void close_phase();
  void close_keys();
  void close_shares();
  void close_inputs();
  void close_agreements();
  void close_reveals();
  Status restore(const SumSnapshot& kept);
  Status restore_agreements(const std::vector<SumAgreements::One>& agreements);
  SumSnapshot snapshot() const;
  void keep();
  SumRecovery recovery() const;
  std::optional<std::size_t> waited_for(const SiteName& site) const;
  void send_roster(const SiteName& site);
  SumSharesPassed shares_for(std::size_t member) const;
  SumAgreements agreements() const;
  SumEffects take();

  SumContext context_;
  Options options_;
  const SumNotary& notary_;
  Phase phase_ = Phase::kKeys;
  Busy busy_ = Busy::kNo;
  TimePoint deadline_;
  std::map<SiteName, std::optional<SumKeys>> keys_;  // of those that may still be in the roster
  std::optional<SumSession> session_;
  std::string issuers_;
  // By member of the roster. Waiting: whose answer of this phase is to come.
  std::optional<MemberSet> waiting_, present_;  // present: still in
  std::optional<MemberSet> sharing_, survivors_;
  std::map<std::size_t, SumShares> shares_;
  std::map<std::size_t, BlobRef> inputs_;  // announced
  std::optional<MemberSet> summed_;
  std::map<std::size_t, Bytes> agreed_;
  bool resumed_ = false;
  std::set<std::size_t> again_;  // said again what they had said: they have their secrets
  std::map<std::size_t, std::vector<Share>> revealed_;  // of each member's one secret
  SumEffects out_;
};

}  // namespace tributary
