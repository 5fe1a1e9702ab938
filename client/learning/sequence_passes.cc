// SPDX-License-Identifier: Apache-2.0
// What layers of sequences and of spikes compute.
#include "client/learning/layer_stack.h"

namespace tributary {
namespace {

torch::Tensor places_of(const torch::Tensor& x) { return at::arange(x.size(1), torch::kLong); }

// [rows, 1]: places up to the last that is no padding.
torch::Tensor count_of(const torch::Tensor& present) {
  return at::amax(present.squeeze(-1) * (places_of(present) + 1), {1}, /*keepdim=*/true);
}

// What is 1 where the potential is above the threshold, with the derivative of a soft step.
torch::Tensor spike_of(const torch::Tensor& above, const SpikeLayer& layer) {
  const torch::Tensor soft = layer.arctan ? (above * layer.slope).atan() / layer.slope
                                          : above / (above.abs() * layer.slope + 1.0);
  return (above > 0).to(above.scalar_type()) + (soft - soft.detach());
}

}  // namespace

void LayerStack::pass(const EmbeddingLayer&, Walk& walk) {
  const torch::Tensor ids = walk.x.to(torch::kLong);
  walk.present = (ids != 0).unsqueeze(-1);
  const torch::Tensor& weight = tensors[walk.at].tensor;
  if (walk.uses == nullptr) {
    walk.x = at::embedding(weight, ids);
  } else {
    walk.x = traced(walk, walk.at, at::embedding(weight.detach(), ids).to(torch::kDouble),
                    EmbeddingUse{ids}, 1);
  }
}

void LayerStack::pass(const MeanOfPlacesLayer& layer, Walk& walk) {
  if (!layer.padded) {
    walk.x = walk.x.mean(1);
    return;
  }
  const torch::Tensor counted = walk.present.to(walk.x.scalar_type());
  walk.x = (walk.x * counted).sum(1) / counted.sum(1).clamp_min(1.0);
}

void LayerStack::pass(const TakePlaceLayer& layer, Walk& walk) {
  if (!layer.padded || !layer.last) {
    walk.x = walk.x.select(1, layer.last ? -1 : 0);
    return;
  }
  const torch::Tensor last = (count_of(walk.present) - 1).clamp_min(0).unsqueeze(-1);
  walk.x = walk.x.gather(1, last.expand({-1, -1, walk.x.size(2)})).squeeze(1);
}

void LayerStack::pass(const PlacesLastLayer&, Walk& walk) { walk.x = walk.x.transpose(1, 2); }

void LayerStack::pass(const PositionsLayer& layer, Walk& walk) {
  if (!layer.learned) {
    const auto kept = at::TensorOptions(torch::kDouble);
    const torch::Tensor rate = at::arange(0, layer.width, 2, kept) *
                               (-kLogOfLongestSine / static_cast<double>(layer.width));
    const torch::Tensor angle = at::arange(walk.x.size(1), kept).unsqueeze(1) * rate.exp();
    const torch::Tensor sines = at::stack({angle.sin(), angle.cos()}, 2).flatten(1);
    walk.x = walk.x + sines.narrow(1, 0, layer.width).to(walk.x.scalar_type());
  } else if (walk.uses == nullptr) {
    walk.x = walk.x + tensors[walk.at].tensor;
  } else {
    walk.x = traced(walk, walk.at, walk.x + fixed(walk.at), AddedUse{}, 1);
  }
}

// `at`: of the way's first tensor.
torch::Tensor LayerStack::one_way(const RecurrentLayer& layer, const torch::Tensor& x,
                                  std::size_t at) const {
  std::vector<torch::Tensor> weights;
  for (std::size_t i = 0; i < 4; ++i) weights.push_back(tensors[at + i].tensor);
  const torch::Tensor start = at::zeros({1, x.size(0), layer.hidden}, x.options());
  if (layer.gru)
    return std::get<0>(
        at::gru(x, start, weights, true, 1, 0.0, false, false, /*batch_first=*/true));
  return std::get<0>(
      at::lstm(x, {start, start}, weights, true, 1, 0.0, false, false, /*batch_first=*/true));
}

void LayerStack::pass(const RecurrentLayer& layer, Walk& walk) {
  torch::Tensor turned;  // [rows, places, 1]: where each place is on the way back
  if (layer.bidirectional && layer.padded) {
    const torch::Tensor place = places_of(walk.x), count = count_of(walk.present);
    turned = at::where(place < count, count - 1 - place, place).unsqueeze(-1);
  }
  const auto turn = [&](const torch::Tensor& x) {
    return turned.defined() ? x.gather(1, turned.expand({-1, -1, x.size(2)})) : x.flip(1);
  };
  std::size_t at = walk.at;
  for (std::int64_t i = 0; i < layer.layers; ++i) {
    if (i > 0) walk.x = drop(walk.x, layer.dropout);
    torch::Tensor ahead = one_way(layer, walk.x, at);
    at += 4;
    if (layer.bidirectional) {
      ahead = at::cat({ahead, turn(one_way(layer, turn(walk.x), at))}, 2);
      at += 4;
    }
    walk.x = ahead;
  }
}

void LayerStack::pass(const AttentionLayer& layer, Walk& walk) {
  const std::int64_t width = layer.width;
  std::size_t at = walk.at;
  std::vector<torch::Tensor> parts;  // queries, keys, values
  if (layer.cross) {
    parts.push_back(linear(walk, walk.x, at));
    at += 2;
    for (const torch::Tensor& part : linear(walk, walk.memory, at).split(width, 2))
      parts.push_back(part);
  } else {
    parts = linear(walk, walk.x, at).split(width, 2);
  }
  at += 2;
  for (torch::Tensor& part : parts) {
    part = part.reshape({part.size(0), part.size(1), layer.heads, width / layer.heads})
               .transpose(1, 2);
  }
  torch::Tensor takes = at::matmul(parts[0], parts[1].transpose(2, 3)) * attention_scale(layer);
  if (layer.padded) {
    const torch::Tensor& which = layer.cross ? walk.memory_present : walk.present;
    takes = takes.masked_fill(which.transpose(1, 2).unsqueeze(1).logical_not(), kNeverTaken);
  }
  if (layer.causal) {
    const auto square = at::TensorOptions(torch::kBool);
    takes =
        takes.masked_fill(at::ones({takes.size(2), takes.size(3)}, square).triu(1), kNeverTaken);
  }
  takes = drop(takes.softmax(-1), layer.dropout);
  walk.x = linear(walk, at::matmul(takes, parts[2]).transpose(1, 2).flatten(2), at);
}

void LayerStack::pass(const RepeatLayer& layer, Walk& walk) {
  walk.x = walk.x.unsqueeze(1).expand({-1, layer.steps, -1});
}

void LayerStack::pass(const SpikeLayer& layer, Walk& walk) {
  torch::Tensor potential = at::zeros_like(walk.x.select(1, 0)), spike = potential;
  std::vector<torch::Tensor> spikes;
  for (std::int64_t step = 0; step < walk.x.size(1); ++step) {
    potential = potential * layer.beta + walk.x.select(1, step) - spike.detach() * layer.threshold;
    spike = spike_of(potential - layer.threshold, layer);
    spikes.push_back(spike);
  }
  walk.x = at::stack(spikes, 1);
}

void LayerStack::pass(const ReadSpikesLayer& layer, Walk& walk) {
  if (!layer.leaky) {
    walk.x = walk.x.sum(1);
    return;
  }
  torch::Tensor potential = at::zeros_like(walk.x.select(1, 0)), summed = potential;
  for (std::int64_t step = 0; step < walk.x.size(1); ++step) {
    potential = potential * layer.beta + walk.x.select(1, step);
    summed = summed + potential;
  }
  walk.x = summed / static_cast<double>(walk.x.size(1));
}

}  // namespace tributary
