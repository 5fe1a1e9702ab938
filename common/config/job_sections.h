// SPDX-License-Identifier: Apache-2.0
// The sections of a job file, one reader each; inside this room only. One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/yaml_reader.h"
#include "common/domain/job_spec.h"

namespace tributary {

// The value of an enumeration that counts up from 0 in the order of `words`.
template <typename T>
T enumeration(Section& from, std::string_view key, const std::vector<std::string>& words,
              const std::string& fallback) {
  const std::string word = from.choice(key, words, fallback);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return static_cast<T>(i);
  }
  return T{};
}

// The key of rounds that says how many updates are enough.
inline const char* quorum_key(const RoundPolicy& rounds) {
  return rounds.quorum > 0 ? "quorum" : rounds.target > 0 ? "target" : "minimum_sites";
}

DataSpec read_data(Section& root);
TrainSpec read_train(Section& root, const DataSpec& data);
TransferSpec read_transfer(Section& root);
AggregationSpec read_aggregate(Section& root);
RoundPolicy read_rounds(Section& root);
EvaluationSpec read_evaluate(Section& root, const DataSpec& data, const RoundPolicy& rounds);
PrivacySpec read_privacy(Section& root, const RoundPolicy& rounds);
// The schedule of a section against the rounds that it goes over.
void check_warmup(Section& section, const PluginChoice& schedule, std::uint32_t rounds);
// The model against the data. Also says what of the data follows from the model: the classes of
// tokens, and the shape of a translation.
void fit_model(Section& root, JobSpec& spec);
// Against the other choices of the job.
void check_train(Section& root, const JobSpec& spec);
void check_transfer(Section& root, const JobSpec& spec);
void check_privacy(Section& root, const JobSpec& spec);
// Objective and augmentations, against the other choices of the job.
void check_objective(Section& root, const JobSpec& spec);

}  // namespace tributary
