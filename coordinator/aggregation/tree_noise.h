// SPDX-License-Identifier: Apache-2.0
// Noise of sums over rounds: DP-FTRL (Kairouz, McMahan, Song, Thakkar, Thakurta, Xu 2021, arXiv
// 2103.00039), the binary tree mechanism (Dwork et al. 2010; Chan, Shi, Song 2011). A pass is T
// rounds, the leaves of a tree; a node has one noise, drawn when the last round below it is made.
// After t rounds the sum of all their updates has N(t), the noise of the nodes of t's binary
// decomposition, popcount(t) of them; so round t gets N(t) - N(t - 1): that of the one node that
// begins, less that of those that it takes the place of, two nodes in the mean. Any node can be
// drawn again, bit by bit, from its key. Owned by JobWorker, one thread at a time. No files here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/key_material.h"
#include "common/crypto/keyed_random.h"
#include "common/privacy/noise/discrete_gaussian.h"

namespace tributary {

// What the noise of a job follows from after a round: whoever has it can take the noise off that
// round's model. `nodes`: the keys of those whose noise is in the open pass, the widest first; none
// between passes, where noise stays in the model for good.
struct NoiseTree {
  SecretKey seed;  // of the keys to come
  RoundNumber round = 0;
  std::vector<SecretKey> nodes;
};

// From 32 bytes of `random`: SecureRandom, but where a run is to be repeated.
NoiseTree begin_tree(RandomSource& random);

// As many nodes as a pass of `rounds_per_pass` has open after the tree's round.
bool fits(const NoiseTree& tree, std::uint32_t rounds_per_pass);

// The noise of one round, in whole steps of the grid of the sum. Memory: 4 KiB a node.
class TreeNoise {
 public:
  TreeNoise(const SecretKey& begins, std::vector<SecretKey> ends);

  // Of the coordinates from `start` on: 0, which begins anew and gives the same numbers, or where
  // the last call ended.
  void draw(const DiscreteGaussian& of_node, std::size_t start, std::span<std::int64_t> into);

 private:
  struct Node {
    SecretKey key;
    std::int64_t sign = 1;
    std::unique_ptr<KeyedRandom> random;
  };
  std::vector<Node> nodes_;
  std::size_t next_ = 0;
};

struct TreeStep {
  NoiseTree after;
  TreeNoise noise;
};

// To the next round, whose sum is of the updates that `updates` is a digest of. The key of the node
// that begins depends on them: a round that is made again of the same updates has the same noise,
// and one that is made again of others has noise of its own. Two sums with one noise would tell
// their difference. The seed is another one afterwards, from which no earlier key follows.
TreeStep next_step(const NoiseTree& before, std::uint32_t rounds_per_pass, const Digest& updates);

}  // namespace tributary
