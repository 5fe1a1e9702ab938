// SPDX-License-Identifier: Apache-2.0
#include "client/agent/model_fetches.h"

#include <algorithm>

#include "common/tensor/model_delta.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/safetensors_reader.h"
#include "common/tensor/update_reader.h"

namespace tributary {
namespace {

// Behind what is there of the blob already: those are the same bytes, or its digest tells.
class BlobSink final : public ValueSink {
 public:
  explicit BlobSink(BlobStore::Writer& writer) : rest_(writer) {}
  Status write(std::span<const float> values) override { return append(std::as_bytes(values)); }
  Status append(ByteView bytes) { return rest_.append(bytes); }

 private:
  ResumedAppend rest_;
};

// What the disk or the coordinator changed in either file shows in the digest of the model.
Status make_model(BlobStore& blobs, const BlobRef& model, const ModelDelta& delta) {
  TRIB_TRY(base_file, blobs.open_blob(delta.base));
  const std::uint64_t base_bytes = base_file->size();
  TRIB_TRY(base, SafetensorsReader::open(reader_of(std::move(base_file)), base_bytes));
  TRIB_TRY(delta_file, blobs.open_blob(delta.blob.digest));
  const std::uint64_t delta_bytes = delta_file->size();
  TRIB_TRY(changes, open_update(reader_of(std::move(delta_file)), delta_bytes));
  TRIB_TRY(writer, blobs.receive(model));
  BlobSink sink(*writer);
  TRIB_CHECK_OK(sink.append(encode_safetensors_head(base->layout())));
  TRIB_CHECK_OK(apply_delta(*base, *changes.values, sink));
  return writer->commit();
}

}  // namespace

bool ModelFetches::fetch(const BlobRef& model, const ModelDelta& delta) {
  if (const auto one = applying_.find(model.digest); one != applying_.end())
    return one->second = true;
  if (delta.base.is_none() || failed_.contains(delta.blob.digest) || !blobs_.contains(delta.base))
    return false;
  downloading_[{delta.blob.digest, model.digest}] = {model, delta};
  ports_.download(delta.blob);
  return true;
}

bool ModelFetches::take(const BlobRef& blob, const Status& outcome) {
  std::vector<Fetch> fetches;
  std::erase_if(downloading_, [&](const auto& one) {
    const bool of_blob = one.first.first == blob.digest;
    if (of_blob) fetches.push_back(one.second);
    return of_blob;
  });
  for (const Fetch& fetch : fetches) {
    if (outcome) {
      apply(fetch);
    } else {
      fall_back(fetch, outcome.error());
    }
  }
  return !fetches.empty();
}

void ModelFetches::drop(const Digest& digest) {
  std::erase_if(downloading_, [&](const auto& one) { return one.first.first == digest; });
  failed_.erase(digest);
  if (const auto one = applying_.find(digest); one != applying_.end()) one->second = false;
}

void ModelFetches::apply(const Fetch& fetch) {
  if (blobs_.contains(fetch.model.digest)) return ports_.arrived(fetch.model);
  if (!applying_.insert_or_assign(fetch.model.digest, true).second) return;  // by another delta
  const auto outcome = std::make_shared<Status>();
  const auto work = [&blobs = blobs_, fetch, outcome] {
    *outcome = make_model(blobs, fetch.model, fetch.delta);
  };
  const auto then = [this, alive = std::weak_ptr(alive_), fetch, outcome] {
    if (!alive.expired()) applied(fetch, *outcome);
  };
  if (ports_.work) return ports_.work(work, then);
  work();
  then();
}

void ModelFetches::applied(const Fetch& fetch, const Status& outcome) {
  const bool wanted = applying_.extract(fetch.model.digest).mapped();
  const bool whole = blobs_.contains(fetch.model.digest);  // it may have come another way, too
  if (!whole || !wanted) {  // what is there of it may be wrong, or is nobody's
    static_cast<void>(blobs_.remove(fetch.model.digest).has_value());
  }
  if (!wanted) return;
  if (!outcome && whole) return ports_.arrived(fetch.model);
  if (!outcome) return fall_back(fetch, outcome.error());
  log_.record("delta.applied", {{"digest", fetch.model.digest.short_hex()},
                                {"bytes", static_cast<std::int64_t>(fetch.delta.blob.bytes)},
                                {"model_bytes", static_cast<std::int64_t>(fetch.model.bytes)}});
  ports_.arrived(fetch.model);
}

void ModelFetches::fall_back(const Fetch& fetch, const Error& why) {
  failed_.insert(fetch.delta.blob.digest);
  log_.record("delta.failed", {{"digest", fetch.model.digest.short_hex()}, {"error", why.message}});
  ports_.download(fetch.model);
}

}  // namespace tributary
