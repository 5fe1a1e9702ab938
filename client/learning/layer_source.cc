// SPDX-License-Identifier: Apache-2.0
// What each kind of layer does, in TorchScript's language. A kind that one of these overloads lacks
// does not compile.
#include <array>
#include <charconv>
#include <initializer_list>

#include "client/learning/layers.h"

namespace tributary {
namespace {

// So that it is read as a number with a fraction, of the same bits.
std::string number(double value) {
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  std::string said(text.data(), end);
  if (said.find_first_of(".en") == std::string::npos) said += ".0";
  return said;
}
std::string list_of(std::initializer_list<std::int64_t> sizes) {
  std::string text;
  for (const std::int64_t size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

// The attribute that a path names. Modules may be named by numbers, as those of a list.
std::string attribute(const std::string& path) {
  std::string said = "self";
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('.', at), path.size());
    const std::string part = path.substr(at, end - at);
    const bool word = part.find_first_not_of("0123456789") != std::string::npos;
    said = word ? said + "." + part : "getattr(" + said + ", '" + part + "')";
    at = end + 1;
  }
  return said;
}

// x is what layers hand on; `present`: which places of the last embedding have an id; `memory`:
// what an encoder gave.
class Writer {
 public:
  void write(const Layers& layers) {
    for (const Layer& layer : layers)
      std::visit([this](const auto& kind) { source(kind); }, layer.kind);
  }
  std::string take() && { return std::move(text_); }

 private:
  void line(const std::string& code) { text_ += "    " + code + "\n"; }
  // A variable of which there is none yet.
  std::string fresh(const std::string& name) { return name + std::to_string(++variables_); }
  std::string bias_and_weight(const std::string& name) const {
    return attribute(name + ".weight") + ", " + attribute(name + ".bias");
  }
  std::string linear(const std::string& of, const std::string& weight, const std::string& bias) {
    return "torch.linear(" + of + ", " + attribute(weight) + ", " + attribute(bias) + ")";
  }

  void source(const FlattenLayer&) { line("x = torch.flatten(x, 1)"); }
  void source(const ReshapeLayer& reshape) {
    std::string sizes = "-1";
    for (const std::int64_t size : reshape.shape) sizes += ", " + std::to_string(size);
    line("x = torch.reshape(x, [" + sizes + "])");
  }
  void source(const LinearLayer& layer) {
    line("x = torch.linear(x, " + bias_and_weight(layer.name) + ")");
  }
  void source(const ActivationLayer& activation) {
    switch (activation.function) {
      case Activation::kRelu:
        return line("x = torch.relu(x)");
      case Activation::kTanh:
        return line("x = torch.tanh(x)");
      case Activation::kSigmoid:
        return line("x = torch.sigmoid(x)");
      case Activation::kGelu:
        return line("x = torch.gelu(x)");
    }
  }
  void source(const DropoutLayer& dropout) {
    line("x = torch.dropout(x, " + number(dropout.rate) + ", self.training)");
  }
  void source(const LayerNormLayer& norm) {
    line("x = torch.layer_norm(x, " + list_of({norm.features}) + ", " + bias_and_weight(norm.name) +
         ", " + number(kNormEpsilon) + ")");
  }
  void source(const GroupNormLayer& norm) {
    line("x = torch.group_norm(x, " + std::to_string(norm.groups) + ", " +
         bias_and_weight(norm.name) + ", " + number(kNormEpsilon) + ")");
  }
  void source(const ConvLayer& conv) {
    const std::string weights =
        conv.plain ? attribute(conv.name + ".weight") + ", None" : bias_and_weight(conv.name);
    line("x = torch.conv2d(x, " + weights + ", " + list_of({conv.stride, conv.stride}) + ", " +
         (conv.same_padding ? "'same'" : list_of({conv.padding, conv.padding})) + ")");
  }
  void source(const BatchNormLayer& norm) {
    line("x = torch.batch_norm(x, " + bias_and_weight(norm.name) + ", " +
         attribute(norm.name + ".running_mean") + ", " + attribute(norm.name + ".running_var") +
         ", self.training, " + number(kNormMomentum) + ", " + number(kNormEpsilon) + ", False)");
  }
  void source(const MaxPoolLayer& pool) {
    const std::int64_t stride = pool.stride > 0 ? pool.stride : pool.size;
    line("x = torch.max_pool2d(x, " + list_of({pool.size, pool.size}) + ", " +
         list_of({stride, stride}) + ", " + list_of({pool.padding, pool.padding}) + ")");
  }
  void source(const GlobalAveragePoolLayer&) { line("x = torch.mean(x, [2, 3])"); }
  void source(const UpsampleLayer&) {
    line("x = torch.upsample_nearest2d(x, [2 * x.size(2), 2 * x.size(3)])");
  }
  void source(const EmbeddingLayer& embedding) {
    line("present = torch.unsqueeze(x != 0, -1)");
    line("x = torch.embedding(" + attribute(embedding.name + ".weight") + ", x.long())");
  }
  void source(const MeanOfPlacesLayer& mean) {
    if (!mean.padded) return line("x = torch.mean(x, [1])");
    line("counted = present.type_as(x)");
    line("x = torch.sum(x * counted, [1]) / torch.clamp(torch.sum(counted, [1]), 1.0)");
  }
  void source(const TakePlaceLayer& take) {
    if (!take.padded || !take.last)
      return line(std::string("x = torch.select(x, 1, ") + (take.last ? "-1" : "0") + ")");
    count_places();
    line("last = torch.clamp(count - 1, 0).unsqueeze(-1).expand([-1, -1, x.size(2)])");
    line("x = torch.gather(x, 1, last).squeeze(1)");
  }
  void source(const PlacesLastLayer&) { line("x = torch.transpose(x, 1, 2)"); }
  void source(const PositionsLayer& positions);
  void source(const RecurrentLayer& recurrent);
  void source(const AttentionLayer& attention);
  void source(const RepeatLayer& repeat) {
    line("x = x.unsqueeze(1).expand([-1, " + std::to_string(repeat.steps) + ", -1])");
  }
  void source(const SpikeLayer& spike);
  void source(const ReadSpikesLayer& read);
  void source(const ResidualLayer& residual);
  void source(const SkipLayer& skip);
  void source(const TranslateLayer& translate);
  void source(const LatentLayer& latent);
  // `place`: [places]; `count`: [rows, 1], places up to the last that is no padding.
  void count_places() {
    line("place = torch.arange(x.size(1), device=x.device)");
    line("count = torch.amax(present.squeeze(-1) * (place + 1), [1], True)");
  }
  void one_way(const RecurrentLayer& recurrent, const std::string& end, const std::string& from,
               const std::string& to);

  std::string text_ = "def forward(self, x):\n";
  int variables_ = 0;
};

void Writer::source(const PositionsLayer& positions) {
  if (positions.learned) return line("x = x + " + attribute(positions.name + ".weight"));
  const std::string width = std::to_string(positions.width);
  line("rate = torch.arange(0, " + width + ", 2, device=x.device).double() * " +
       number(-kLogOfLongestSine / static_cast<double>(positions.width)));
  line("angle = torch.arange(x.size(1), device=x.device).double().unsqueeze(1) * torch.exp(rate)");
  line("sines = torch.stack([torch.sin(angle), torch.cos(angle)], 2).flatten(1)");
  line("x = x + sines[:, :" + width + "].type_as(x)");
}

void Writer::one_way(const RecurrentLayer& recurrent, const std::string& end,
                     const std::string& from, const std::string& to) {
  std::string weights;
  for (const char* weight : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"})
    weights += (weights.empty() ? "" : ", ") + attribute(recurrent.name + "." + weight + end);
  const std::string rest = ", [" + weights + "], True, 1, 0.0, self.training, False, True)";
  line("start = x.new_zeros([1, x.size(0), " + std::to_string(recurrent.hidden) + "])");
  if (recurrent.gru) {
    line(to + ", end = torch.gru(" + from + ", start" + rest);
  } else {
    line(to + ", end, cell = torch.lstm(" + from + ", [start, start]" + rest);
  }
}

void Writer::source(const RecurrentLayer& recurrent) {
  const bool turns = recurrent.bidirectional;
  if (turns && recurrent.padded) {
    count_places();
    line("turned = torch.where(place < count, count - 1 - place, place).unsqueeze(-1)");
  }
  const auto turn = [&](const std::string& of) {
    return recurrent.padded
               ? "torch.gather(" + of + ", 1, turned.expand([-1, -1, " + of + ".size(2)]))"
               : "torch.flip(" + of + ", [1])";
  };
  for (std::int64_t layer = 0; layer < recurrent.layers; ++layer) {
    if (layer > 0 && recurrent.dropout > 0.0) source(DropoutLayer{recurrent.dropout});
    const std::string end = "_l" + std::to_string(layer);
    one_way(recurrent, end, "x", "ahead");
    if (turns) {
      line("back = " + turn("x"));
      one_way(recurrent, end + "_reverse", "back", "back");
      line("ahead = torch.cat([ahead, " + turn("back") + "], 2)");
    }
    line("x = ahead");
  }
}

void Writer::source(const AttentionLayer& attention) {
  const std::string& name = attention.name;
  const std::string width = std::to_string(attention.width);
  const std::int64_t each = attention.width / attention.heads;
  if (attention.cross) {
    line("queries = " + linear("x", name + ".q_proj.weight", name + ".q_proj.bias"));
    line("keys, values = torch.split(" +
         linear("memory", name + ".kv_proj.weight", name + ".kv_proj.bias") + ", [" + width + ", " +
         width + "], 2)");
  } else {
    line("queries, keys, values = torch.split(" +
         linear("x", name + ".in_proj_weight", name + ".in_proj_bias") + ", [" + width + ", " +
         width + ", " + width + "], 2)");
  }
  const std::string shape = std::to_string(attention.heads) + ", " + std::to_string(each);
  for (const char* part : {"queries", "keys", "values"}) {
    const std::string of = part;
    line(of + " = " + of + ".reshape([" + of + ".size(0), " + of + ".size(1), " + shape +
         "]).transpose(1, 2)");
  }
  line("takes = torch.matmul(queries, keys.transpose(2, 3)) * " +
       number(attention_scale(attention)));
  if (attention.padded) {
    const std::string which = attention.cross ? "memory_present" : "present";
    line("takes = takes.masked_fill(~" + which + ".transpose(1, 2).unsqueeze(1), " +
         number(kNeverTaken) + ")");
  }
  if (attention.causal) {
    line("takes = takes.masked_fill(torch.triu(torch.ones_like(takes[0, 0]), 1) > 0, " +
         number(kNeverTaken) + ")");
  }
  line("takes = torch.softmax(takes, -1)");
  if (attention.dropout > 0.0)
    line("takes = torch.dropout(takes, " + number(attention.dropout) + ", self.training)");
  line("x = torch.matmul(takes, values).transpose(1, 2).flatten(2)");
  line("x = " + linear("x", name + ".out_proj.weight", name + ".out_proj.bias"));
}

void Writer::source(const SpikeLayer& spike) {
  line("potential = torch.zeros_like(x[:, 0])");
  line("spike = torch.zeros_like(potential)");
  line("spikes = [spike]");
  line("for step in range(x.size(1)):");
  line("    potential = potential * " + number(spike.beta) + " + x[:, step] - spike.detach() * " +
       number(spike.threshold));
  line("    above = potential - " + number(spike.threshold));
  line(spike.arctan
           ? "    soft = torch.atan(above * " + number(spike.slope) + ") / " + number(spike.slope)
           : "    soft = above / (torch.abs(above) * " + number(spike.slope) + " + 1.0)");
  line("    spike = (above > 0).type_as(x) + (soft - soft.detach())");
  line("    spikes.append(spike)");
  line("x = torch.stack(spikes[1:], 1)");
}

void Writer::source(const ReadSpikesLayer& read) {
  if (read.leaky) {
    line("potential = torch.zeros_like(x[:, 0])");
    line("summed = torch.zeros_like(potential)");
    line("for step in range(x.size(1)):");
    line("    potential = potential * " + number(read.beta) + " + x[:, step]");
    line("    summed = summed + potential");
    line("x = summed / x.size(1)");
  } else {
    line("x = torch.sum(x, [1])");
  }
}

void Writer::source(const ResidualLayer& residual) {
  const std::string kept = fresh("kept"), main = fresh("main");
  line(kept + " = x");
  write(residual.main);
  line(main + " = x");
  line("x = " + kept);
  write(residual.shortcut);
  line("x = " + main + " + x");
}

void Writer::source(const SkipLayer& skip) {
  const std::string kept = fresh("kept");
  line(kept + " = x");
  write(skip.inner);
  line("x = torch.cat([" + kept + ", x], 1)");
}

void Writer::source(const TranslateLayer& translate) {
  const std::string whole = fresh("whole"), where = fresh("where");
  const std::string source = std::to_string(translate.source);
  line(whole + " = x");
  line(where + " = present");
  line("x = " + whole + "[:, :" + source + "]");
  line("present = " + where + "[:, :" + source + "]");
  write(translate.encoder);
  line("memory = x");
  line("memory_present = present");
  line("x = " + whole + "[:, " + source + ":]");
  line("present = " + where + "[:, " + source + ":]");
  write(translate.decoder);
}

void Writer::source(const LatentLayer& latent) {
  const std::string code = std::to_string(latent.code);
  line("mean, variance = torch.split(x, [" + code + ", " + code + "], 1)");
  line("x = mean");
  line("if self.training:");
  line("    x = mean + torch.exp(variance * 0.5) * torch.randn_like(mean)");
}

}  // namespace

std::string forward_source(const Layers& layers) {
  Writer writer;
  writer.write(layers);
  return std::move(writer).take() + "    return x\n";
}

}  // namespace tributary
