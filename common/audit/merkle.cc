// SPDX-License-Identifier: Apache-2.0
#include "common/audit/merkle.h"

#include <bit>

#include "common/base/assert.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

Digest node(const Digest& left, const Digest& right) {
  Hasher hasher;
  const std::byte prefix{1};
  hasher.update({&prefix, 1});
  hasher.update(left.bytes);
  hasher.update(right.bytes);
  return hasher.finish();
}

// The largest power of two below `size` > 1.
std::uint64_t split(std::uint64_t size) { return std::bit_floor(size - 1); }

}  // namespace

Digest merkle_leaf(ByteView record) {
  Hasher hasher;
  const std::byte prefix{0};
  hasher.update({&prefix, 1});
  hasher.update(record);
  return hasher.finish();
}

void MerkleTree::append(const Digest& leaf) {
  Digest hash = leaf;
  for (std::size_t level = 0;; ++level) {
    if (levels_.size() == level) levels_.emplace_back();
    std::vector<Digest>& hashes = levels_[level];
    hashes.push_back(hash);
    if (hashes.size() % 2 == 1) return;
    hash = node(hashes[hashes.size() - 2], hashes.back());
  }
}

void MerkleTree::cut(std::uint64_t size) {
  for (std::size_t level = 0; level < levels_.size(); ++level) levels_[level].resize(size >> level);
}

Digest MerkleTree::hash_of(std::uint64_t begin, std::uint64_t end) const {
  const std::uint64_t size = end - begin;
  if (std::has_single_bit(size)) {
    const auto level = static_cast<std::size_t>(std::countr_zero(size));
    return levels_.at(level).at(begin >> level);
  }
  const std::uint64_t middle = begin + split(size);
  return node(hash_of(begin, middle), hash_of(middle, end));
}

Digest MerkleTree::root_at(std::uint64_t tree_size) const {
  TRIB_ASSERT(tree_size <= size(), "a root of leaves that are not there");
  return tree_size == 0 ? sha256({}) : hash_of(0, tree_size);
}

std::vector<Digest> MerkleTree::inclusion_proof(std::uint64_t index,
                                                std::uint64_t tree_size) const {
  TRIB_ASSERT(index < tree_size && tree_size <= size(), "a proof of a leaf that is not there");
  std::vector<Digest> from_root;
  for (std::uint64_t begin = 0, end = tree_size; end - begin > 1;) {
    const std::uint64_t middle = begin + split(end - begin);
    if (index < middle) {
      from_root.push_back(hash_of(middle, end));
      end = middle;
    } else {
      from_root.push_back(hash_of(begin, middle));
      begin = middle;
    }
  }
  return {from_root.rbegin(), from_root.rend()};
}

std::vector<Digest> MerkleTree::consistency_proof(std::uint64_t from, std::uint64_t to) const {
  TRIB_ASSERT(from <= to && to <= size(), "a proof between sizes that are not there");
  if (from == 0 || from == to) return {};
  std::vector<Digest> from_root;
  std::uint64_t begin = 0, end = to;
  while (from != end) {
    const std::uint64_t middle = begin + split(end - begin);
    if (from <= middle) {
      from_root.push_back(hash_of(middle, end));
      end = middle;
    } else {
      from_root.push_back(hash_of(begin, middle));
      begin = middle;
    }
  }
  // The old tree itself needs no telling: its root is what the proof begins with.
  if (begin != 0) from_root.push_back(hash_of(begin, end));
  return {from_root.rbegin(), from_root.rend()};
}

bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                      const Digest& root, std::span<const Digest> proof) {
  if (index >= size) return false;
  std::uint64_t place = index, last = size - 1;
  Digest hash = leaf;
  for (const Digest& beside : proof) {
    if (last == 0) return false;
    if (place % 2 == 1 || place == last) {
      hash = node(beside, hash);
      while (place % 2 == 0 && place != 0) place >>= 1, last >>= 1;
    } else {
      hash = node(hash, beside);
    }
    place >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

bool verify_consistency(std::uint64_t from, const Digest& from_root, std::uint64_t to,
                        const Digest& to_root, std::span<const Digest> proof) {
  if (from > to) return false;
  if (from == to) return proof.empty() && from_root == to_root;
  if (from == 0) return proof.empty() && from_root == sha256({});
  std::vector<Digest> path(proof.begin(), proof.end());
  if (path.empty()) return false;
  if (std::has_single_bit(from)) path.insert(path.begin(), from_root);
  std::uint64_t place = from - 1, last = to - 1;
  while (place % 2 == 1) place >>= 1, last >>= 1;
  Digest old_hash = path.front(), new_hash = path.front();
  for (const Digest& beside : std::span(path).subspan(1)) {
    if (last == 0) return false;
    if (place % 2 == 1 || place == last) {
      old_hash = node(beside, old_hash);
      new_hash = node(beside, new_hash);
      while (place % 2 == 0 && place != 0) place >>= 1, last >>= 1;
    } else {
      new_hash = node(new_hash, beside);
    }
    place >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == from_root && new_hash == to_root;
}

}  // namespace tributary
