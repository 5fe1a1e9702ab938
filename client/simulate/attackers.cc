// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/attackers.h"

#include <cmath>

#include "common/config/encoding_choice.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/update_reader.h"

namespace tributary {
namespace {

double norm_of(std::span<const float> values) {
  double squares = 0.0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  return std::sqrt(squares);
}

}  // namespace

Result<DataSummary> HostileData::summarize(const JobSpec& job, std::string& local_detail) {
  TRIB_TRY(summary, data_->summarize(job, local_detail));
  if (const auto claim = chosen_.attack->claimed_rows)
    summary.training_rows = static_cast<std::uint64_t>(claim(chosen_.options));
  return summary;
}

Result<std::shared_ptr<const SiteExamples>> HostileData::examples(const JobSpec& job,
                                                                  const DataPlan& plan,
                                                                  std::string& local_detail) {
  TRIB_TRY(honest, data_->examples(job, plan, local_detail));
  if (!chosen_.attack->flips_labels) return honest;
  auto flipped = std::make_shared<SiteExamples>(*honest);
  const std::int64_t classes = job.data.target == TargetKind::kBinary ? 2 : job.data.classes;
  for (std::int64_t& label : flipped->training.labels) {
    if (label >= 0) label = classes - 1 - label;  // not where a row has none
  }
  return std::shared_ptr<const SiteExamples>(std::move(flipped));
}

Result<Model> Attackers::read(const BlobRef& update) const {
  TRIB_TRY(file, blobs_.open_blob(update.digest));
  TRIB_TRY(opened,
           open_update([&file](std::uint64_t at,
                               MutableByteView into) -> Status { return file->read_at(at, into); },
                       file->size()));
  Model model{opened.values->layout(), std::vector<float>(opened.values->layout().element_count())};
  for (std::size_t at = 0; at < model.values.size();) {
    TRIB_TRY(count, opened.values->read(std::span(model.values).subspan(at)));
    if (count == 0) return make_error(ErrorCode::kDataLoss, "an update without its end");
    at += count;
  }
  return model;
}

void Attackers::returned(const SiteName& site, TaskResult result) {
  const TaskKey key = result.key;
  Round& round = rounds_[key];
  --round.out;
  if (sites_.contains(site)) {
    round.held.emplace_back(site, std::move(result));
  } else {
    // Read before it is sent: whoever gets it may remove it.
    if (const auto* trained = std::get_if<TrainResult>(&result.outcome)) {
      if (Result<Model> update = read(trained->update))
        round.honest[site] = std::move(update->values);
    }
    deliver_(site, result);
  }
  if (round.out > 0) return;
  const Round whole = std::move(rounds_.extract(key).mapped());
  for (const auto& [attacker, held] : whole.held) {
    const Result<TaskResult> sent = forge(attacker, held, whole);
    deliver_(
        attacker,
        sent ? *sent : TaskResult{key, TaskFailure{Reason::kTrainingFailed, sent.error().message}});
  }
}

Result<TaskResult> Attackers::forge(const SiteName& site, const TaskResult& held,
                                    const Round& round) {
  const auto* trained = std::get_if<TrainResult>(&held.outcome);
  if (trained == nullptr) return held;
  TrainResult lie = *trained;
  if (const auto claim = chosen_.attack->claimed_rows)
    lie.examples = static_cast<std::uint64_t>(claim(chosen_.options));
  if (chosen_.attack->forge == nullptr) return TaskResult{held.key, lie};
  TRIB_TRY(own, read(trained->update));
  const First& first = first_.try_emplace(site, First{held.key, own.values}).first->second;
  std::vector<std::span<const float>> honest;
  for (const auto& [name, values] : round.honest) honest.emplace_back(values);
  if (honest.empty()) honest.emplace_back(own.values);
  const RoundNumber number = held.key.round;
  SeededRandom random(derive_seed(job_.seed, "attack/" + site.value, number));
  SentUpdate sent{own.values};
  chosen_.attack->forge(
      {chosen_.options, own.values, first.values, honest, round.held.size(), random}, sent);
  Result<Bytes> file = encode_update(encoding_choice(job_.train.encoding), own.layout, sent.values,
                                     derive_seed(job_.seed, "encoding/" + site.value, number));
  // An encoding that has no word for a NaN: then as float32, which has one.
  if (!file) file = encode_safetensors({own.layout, sent.values});
  TRIB_TRY(digest, blobs_.put(*file));
  lie.update = {digest, file->size()};
  lie.update_norm = norm_of(sent.values);
  return TaskResult{sent.under_first_task ? first.key : held.key, lie};
}

}  // namespace tributary
