// SPDX-License-Identifier: Apache-2.0
#include "common/audit/merkle.h"

#include <gtest/gtest.h>

#include "common/base/random_source.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

Bytes bytes_of_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

Digest leaf_number(std::uint64_t number) { return merkle_leaf(as_bytes(std::to_string(number))); }

MerkleTree tree_of(std::uint64_t size) {
  MerkleTree tree;
  for (std::uint64_t i = 0; i < size; ++i) tree.append(leaf_number(i));
  return tree;
}

// As section 2.1 of RFC 6962 writes it down.
Digest naive_root(std::uint64_t begin, std::uint64_t end) {
  if (begin == end) return sha256({});
  if (end - begin == 1) return leaf_number(begin);
  std::uint64_t half = 1;
  while (half * 2 < end - begin) half *= 2;
  Bytes joined{std::byte{1}};
  for (const Digest& part : {naive_root(begin, begin + half), naive_root(begin + half, end)})
    joined.insert(joined.end(), part.bytes.begin(), part.bytes.end());
  return sha256(joined);
}

// The leaves and roots that implementations of Certificate Transparency are tested with.
TEST(Merkle, RootsArePublishedOnes) {
  const std::pair<const char*, const char*> known[] = {
      {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
      {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
      {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
      {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
      {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
      {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
      {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
      {"606162636465666768696a6b6c6d6e6f",
       "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}};
  MerkleTree tree;
  for (const auto& [leaf, root] : known) {
    tree.append(merkle_leaf(bytes_of_hex(leaf)));
    EXPECT_EQ(tree.root().hex(), root) << "at size " << tree.size();
  }
}

TEST(Merkle, RootsAreThoseOfTheDefinition) {
  const MerkleTree tree = tree_of(70);
  for (std::uint64_t size = 0; size <= 70; ++size)
    EXPECT_EQ(tree.root_at(size), naive_root(0, size)) << size;
}

TEST(Merkle, ATreeThatWasCutGoesOnAsOneThatWasNotLonger) {
  for (std::uint64_t size = 0; size <= 20; ++size) {
    MerkleTree tree = tree_of(20);
    tree.cut(size);
    for (std::uint64_t i = size; i < 33; ++i) tree.append(leaf_number(i));
    EXPECT_EQ(tree.root(), naive_root(0, 33)) << size;
  }
}

TEST(Merkle, ProofsOfLeavesHoldAndWrongOnesDoNot) {
  const MerkleTree tree = tree_of(40);
  for (std::uint64_t size = 1; size <= 40; ++size) {
    const Digest root = tree.root_at(size);
    for (std::uint64_t index = 0; index < size; ++index) {
      const auto proof = tree.inclusion_proof(index, size);
      EXPECT_TRUE(verify_inclusion(leaf_number(index), index, size, root, proof));
      EXPECT_FALSE(verify_inclusion(leaf_number(index + 1), index, size, root, proof));
      EXPECT_FALSE(verify_inclusion(leaf_number(index), index + 1, size, root, proof));
      auto longer = proof;
      longer.push_back(root);
      EXPECT_FALSE(verify_inclusion(leaf_number(index), index, size, root, longer));
    }
  }
}

TEST(Merkle, ProofsOfContinuationHold) {
  const MerkleTree tree = tree_of(70);
  for (std::uint64_t to = 0; to <= 70; ++to) {
    for (std::uint64_t from = 0; from <= to; ++from) {
      const auto proof = tree.consistency_proof(from, to);
      EXPECT_TRUE(verify_consistency(from, tree.root_at(from), to, tree.root_at(to), proof))
          << from << " to " << to;
    }
  }
}

TEST(Merkle, WrongProofsOfContinuationDoNotHold) {
  const MerkleTree tree = tree_of(40);
  SeededRandom random(7);
  for (std::uint64_t to = 2; to <= 40; ++to) {
    for (std::uint64_t from = 1; from < to; ++from) {
      const Digest before = tree.root_at(from), after = tree.root_at(to);
      const auto proof = tree.consistency_proof(from, to);
      const auto holds = [&](const std::vector<Digest>& changed) {
        return verify_consistency(from, before, to, after, changed);
      };
      auto other = proof;
      other[random.next_u64() % other.size()].bytes[random.next_u64() % 32] ^= std::byte{4};
      EXPECT_FALSE(holds(other));
      other = proof;
      other.pop_back();
      EXPECT_FALSE(holds(other));
      other = proof;
      other.push_back(after);
      EXPECT_FALSE(holds(other));
      EXPECT_FALSE(verify_consistency(from, after, to, after, proof));
      EXPECT_FALSE(verify_consistency(from, before, to, before, proof));
      EXPECT_FALSE(verify_consistency(to, after, from, before, proof));
    }
  }
  EXPECT_FALSE(verify_consistency(3, tree.root_at(3), 3, tree.root_at(4), {}));
}

}  // namespace
}  // namespace tributary
