// SPDX-License-Identifier: Apache-2.0
// SumSession: a complete roster and what follows from it, the same for every member and the
// coordinator. Immutable, any thread. It checks what can be seen without anybody's key; signatures
// are the client's and the server's to check.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/privacy/secagg/abort_reason.h"
#include "common/privacy/secagg/member_set.h"
#include "common/privacy/secagg/sharing_graph.h"
#include "common/privacy/secagg/sum_context.h"

namespace tributary {

class SumSession {
 public:
  // `least`: sites that a sum is at least made of.
  static std::variant<SumSession, SumAborted> make(const SumContext& context,
                                                   std::vector<SumMember> roster,
                                                   std::size_t least);

  const SumContext& context() const { return context_; }
  const Digest& about() const { return about_; }  // the context's digest
  const Digest& id() const { return id_; }
  const std::vector<SumMember>& roster() const { return roster_; }
  std::size_t members() const { return roster_.size(); }
  const SharingGraph& graph() const { return graph_; }
  std::size_t threshold() const { return graph_.plan().threshold; }
  std::optional<std::size_t> find(const SiteName& site) const;
  std::vector<SiteName> names(const MemberSet& set) const;

  // Members that may work with the coordinator.
  std::size_t adversaries() const;
  // How many members have to agree on the survivors, so that no second set can have as many: each
  // honest one signs once.
  std::size_t quorum() const;
  // Why a sum over these survivors must not be shown.
  std::optional<SumAborted> fault_of(const MemberSet& sharing, const MemberSet& survivors) const;

 private:
  SumSession(const SumContext& context, std::vector<SumMember> roster, std::size_t least,
             const SharingPlan& plan);

  SumContext context_;
  std::vector<SumMember> roster_;
  std::size_t least_;
  Digest about_;
  Digest roster_digest_;
  Digest id_;
  SharingGraph graph_;
};

}  // namespace tributary
