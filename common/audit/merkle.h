// SPDX-License-Identifier: Apache-2.0
// MerkleTree: the hash tree of an append-only log (RFC 6962 section 2.1): its root at any size, and
// proofs that a leaf is in it and that one size continues another. One owner, one thread. Holds 64
// bytes for each leaf; an append, a root or a proof takes O(log n) hashes. It knows no records.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/bytes.h"

namespace tributary {

Digest merkle_leaf(ByteView record);

class MerkleTree {
 public:
  void append(const Digest& leaf);
  void cut(std::uint64_t size);  // not more than it has
  std::uint64_t size() const { return levels_.empty() ? 0 : levels_.front().size(); }
  Digest root() const { return root_at(size()); }
  Digest root_at(std::uint64_t size) const;  // not more than it has

  // Of the leaf at `index` < `size`.
  std::vector<Digest> inclusion_proof(std::uint64_t index, std::uint64_t size) const;
  // From the tree at `from` to that at `to`, `from` <= `to`. Empty where either says all: from the
  // empty tree, or between equals.
  std::vector<Digest> consistency_proof(std::uint64_t from, std::uint64_t to) const;

 private:
  Digest hash_of(std::uint64_t begin, std::uint64_t end) const;

  std::vector<std::vector<Digest>> levels_;  // [k][i]: of the 2^k leaves from i * 2^k on
};

// RFC 9162 sections 2.1.3.2 and 2.1.4.2.
bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                      const Digest& root, std::span<const Digest> proof);
bool verify_consistency(std::uint64_t from, const Digest& from_root, std::uint64_t to,
                        const Digest& to_root, std::span<const Digest> proof);

}  // namespace tributary
