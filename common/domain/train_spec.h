// SPDX-License-Identifier: Apache-2.0
// TrainSpec: what a job says of a site's training. Plain values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/domain/plugin_choice.h"

namespace tributary {

// A model of the site's own, trained beside the global one with a pull to it (Ditto, Li et al.
// 2021).
struct PersonalSpec {
  double lambda = 0.1;  // strength of the pull
  bool operator==(const PersonalSpec&) const = default;
};

// How the classes of a loss weigh against each other. Neither: alike.
struct ClassWeights {
  bool balanced = false;             // by how rare they are among the site's training rows
  std::vector<double> weights = {};  // of each class; of a binary task: {negative, positive}
  bool operator==(const ClassWeights&) const = default;
};

// A training ends early within its round when its validation loss did not fall for `patience`
// passes; the weights of the best pass go.
struct LocalStop {
  std::int64_t patience = 2;
  bool operator==(const LocalStop&) const = default;
};

// Passes of the site's own over the last model of the job, whose result stays at the site.
struct FineTune {
  std::int64_t epochs = 1;
  std::optional<double> learning_rate = {};  // none: that of the optimiser
  bool operator==(const FineTune&) const = default;
};

// Low-rank adapters (Hu et al. 2022): a weight W acts as W + (alpha / rank) B A; A and B alone are
// trained and travel.
struct LoraSpec {
  std::int64_t rank = 8;
  double alpha = 16.0;
  std::vector<std::string> targets = {};  // weights with two dimensions, by name with * and ?
  bool operator==(const LoraSpec&) const = default;
};

// Where the weights come from, and which of them are trained and travel.
struct TransferSpec {
  bool start = false;                    // the job's file holds weights to start from
  std::vector<std::string> freeze = {};  // tensors by name, with * and ?
  std::optional<LoraSpec> lora = {};
  bool operator==(const TransferSpec&) const = default;
};

struct TrainSpec {
  PluginChoice algorithm{"fedavg", {}};
  PluginChoice optimizer{"sgd", {}};
  PluginChoice schedule{"constant", {}};     // of the learning rate, over the rounds of the job
  PluginChoice objective{"supervised", {}};  // what a training makes small
  std::vector<PluginChoice> augment = {};  // what changes rows before the model sees them, in order
  std::string loss = "auto";  // auto: bce for binary, cross_entropy for classes, mse for regression
  std::int64_t epochs = 1;    // passes over the site's rows, unless steps > 0
  std::int64_t steps = 0;     // fixed number of batches; the loader goes on over epoch ends
  std::int64_t batch_size = 32;  // 0 = all rows
  double clip_norm = 0.0;        // gradients of a batch are shortened to this L2 norm; 0: never
  bool mixed_precision = false;  // where the site's device has it
  ClassWeights class_weights = {};
  std::optional<LocalStop> local_stop = {};
  std::optional<FineTune> fine_tune = {};
  PluginChoice encoding{"fp32", {}};  // how the update is written
  // How the coordinator sends what changed in the model; fp32 without zstd: the whole model.
  PluginChoice download_encoding{"fp32", {}};
  // Tensors by name, with * and ?: each site has its own, and they never leave it.
  std::vector<std::string> keep_local = {};
  std::optional<PersonalSpec> personal = {};
  bool operator==(const TrainSpec&) const = default;
};

}  // namespace tributary
