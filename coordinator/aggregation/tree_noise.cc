// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/tree_noise.h"

#include <bit>
#include <string>
#include <utility>

#include "common/base/assert.h"

namespace tributary {
namespace {

// In its pass, from 1 on.
std::uint32_t position_of(RoundNumber round, std::uint32_t rounds_per_pass) {
  return (round - 1) % rounds_per_pass + 1;
}

}  // namespace

NoiseTree begin_tree(RandomSource& random) {
  SecretKey::Value value{};
  for (std::size_t at = 0; at < value.size(); at += sizeof(std::uint64_t))
    put_little_endian(value.data() + at, random.next_u64());
  NoiseTree tree{SecretKey(value), 0, {}};
  wipe(value);
  return tree;
}

bool fits(const NoiseTree& tree, std::uint32_t rounds_per_pass) {
  const std::uint32_t made = tree.round % rounds_per_pass;
  return tree.nodes.size() == static_cast<std::size_t>(std::popcount(made));
}

TreeNoise::TreeNoise(const SecretKey& begins, std::vector<SecretKey> ends) {
  nodes_.push_back({begins, 1, {}});
  for (const SecretKey& key : ends) nodes_.push_back({key, -1, {}});
}

void TreeNoise::draw(const DiscreteGaussian& of_node, std::size_t start,
                     std::span<std::int64_t> into) {
  if (start == 0) {
    for (Node& node : nodes_) node.random = std::make_unique<KeyedRandom>(node.key);
    next_ = 0;
  }
  TRIB_ASSERT(start == next_, "noise of coordinates that were passed over");
  next_ += into.size();
  for (std::int64_t& steps : into) {
    steps = 0;
    for (const Node& node : nodes_) steps += node.sign * of_node.sample(*node.random);
  }
}

// As a binary counter: the ones at the end of t - 1 go, and the bit before them comes.
TreeStep next_step(const NoiseTree& before, std::uint32_t rounds_per_pass, const Digest& updates) {
  TRIB_ASSERT(rounds_per_pass > 0 && fits(before, rounds_per_pass), "a tree of another pass");
  const RoundNumber round = before.round + 1;
  const std::uint32_t position = position_of(round, rounds_per_pass);
  const SecretKey begins = derive_key(before.seed.value(), updates.bytes,
                                      "tributary tree node|" + std::to_string(round));
  NoiseTree after{derive_key(before.seed.value(), {}, "tributary tree seed"), round, before.nodes};
  const auto first_to_end = after.nodes.end() - std::countr_zero(position);
  std::vector<SecretKey> ends(first_to_end, after.nodes.end());
  after.nodes.erase(first_to_end, after.nodes.end());
  after.nodes.push_back(begins);
  if (position == rounds_per_pass) after.nodes.clear();
  return {std::move(after), TreeNoise(begins, std::move(ends))};
}

}  // namespace tributary
