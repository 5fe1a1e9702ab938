// SPDX-License-Identifier: Apache-2.0
#include "client/sums/sum_gifts.h"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>

#include "common/base/limits.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

// A line of JSON, then the update's floats as they lie in memory: the file stays on its machine.
constexpr std::byte kLineEnd{'\n'};

Error damaged(const std::string& path) {
  return make_error(ErrorCode::kDataLoss, path + ": what waits there for a sum is damaged");
}

Result<SumGift> parse(ByteView bytes, const std::string& path) {
  const auto end = std::ranges::find(bytes, kLineEnd);
  const auto head = static_cast<std::size_t>(end - bytes.begin());
  if (end == bytes.end()) return damaged(path);
  try {
    const Json json = Json::parse(as_text(bytes.first(head)));
    SumGift gift;
    gift.key = {JobId{json.at("job").get<std::string>()}, json.at("round").get<RoundNumber>(),
                json.at("attempt").get<AttemptNumber>(),
                json.at("evaluation").get<bool>() ? TaskKind::kEvaluate : TaskKind::kTrain};
    gift.document = json.at("document").get<std::string>();
    TRIB_TRY(model, digest_from_hex(json.at("model").get<std::string>()));
    gift.model = model;
    gift.least_sites = json.at("least_sites").get<std::uint32_t>();
    if (json.contains("clip"))  // NaN is written as null
      gift.clip = json["clip"].is_null() ? std::nan("") : json["clip"].get<double>();
    gift.examples = json.at("examples").get<std::uint64_t>();
    gift.train_loss = json.at("train_loss").get<double>();
    gift.counts = json.at("counts").get<std::vector<std::uint64_t>>();
    const ByteView update = bytes.subspan(head + 1);
    if (update.size() != json.at("values").get<std::size_t>() * sizeof(float)) return damaged(path);
    gift.update.resize(update.size() / sizeof(float));
    if (!update.empty()) std::memcpy(gift.update.data(), update.data(), update.size());
    return gift;
  } catch (const Json::exception&) {
    return damaged(path);
  }
}

}  // namespace

SumGift gift_for(const Task& task) {
  SumGift gift;
  gift.key = task.key;
  gift.document = task.document;
  gift.model = task.model.digest;
  gift.least_sites = task.least_sites;
  gift.clip = task.clip;
  return gift;
}

Status SumGifts::keep(const SumGift& gift) const {
  TRIB_CHECK_OK(files_->make_directories(directory_));
  const Json json{{"job", gift.key.job.value},
                  {"round", gift.key.round},
                  {"attempt", gift.key.attempt},
                  {"evaluation", gift.key.kind == TaskKind::kEvaluate},
                  {"document", gift.document},
                  {"model", gift.model.hex()},
                  {"least_sites", gift.least_sites},
                  {"examples", gift.examples},
                  {"clip", gift.clip},
                  {"train_loss", gift.train_loss},
                  {"counts", gift.counts},
                  {"values", gift.update.size()}};
  const std::string head = json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
  const ByteView line = as_bytes(head), values = std::as_bytes(std::span(gift.update));
  Bytes file(line.begin(), line.end());
  file.insert(file.end(), values.begin(), values.end());
  return files_->write_durably(path(gift.key.job), file);
}

Result<SumGift> SumGifts::read(const JobId& job) const {
  if (!files_->exists(path(job)))
    return make_error(ErrorCode::kNotFound, "nothing waits for a sum of " + job.value);
  TRIB_TRY(bytes, files_->read(path(job), limits::kBlobBytesMax));
  return parse(bytes, path(job));
}

Result<SumGift> SumGifts::find(const TaskKey& key) const {
  TRIB_TRY(gift, read(key.job));
  if (gift.key.round == key.round && gift.key.kind == key.kind) return gift;
  return make_error(ErrorCode::kNotFound, "nothing waits for the sum of " + to_string(key));
}

Status SumGifts::forget_training(const JobId& job, RoundNumber round) const {
  const auto gift = read(job);
  const RoundNumber kept_from = gift && gift->key.kind == TaskKind::kEvaluate ? round : round + 1;
  if (gift && gift->key.round >= kept_from) return {};
  return files_->remove(path(job));
}

Status SumGifts::forget(const TaskKey& key) const {
  return find(key) ? files_->remove(path(key.job)) : Status{};
}

}  // namespace tributary
