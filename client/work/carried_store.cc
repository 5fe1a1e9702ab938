// SPDX-License-Identifier: Apache-2.0
#include "client/work/carried_store.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "common/base/limits.h"
#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

// Files are SEQUENCE_ROUND_JOB.safetensors; the sequence says which was kept last. Each part is a
// tensor of one dimension.
constexpr std::string_view kSuffix = ".safetensors";

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() + text.size() || *end != '_') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return number;
}

}  // namespace

std::vector<float> part_of(const Carried& carried, const char* name,
                           std::optional<std::size_t> size) {
  const auto found = carried.find(name);
  if (found == carried.end() || (size && found->second.size() != *size)) return {};
  return found->second;
}

void put_part(Carried& carried, const char* name, std::vector<float> values) {
  if (!values.empty()) carried[name] = std::move(values);
}

struct CarriedStore::Entry {
  std::string file;
  std::uint64_t sequence = 0;
  RoundNumber round = 0;
  std::string job;
};

// In the order in which they were kept.
Result<std::vector<CarriedStore::Entry>> CarriedStore::entries() const {
  std::vector<Entry> found;
  if (!files_->exists(directory_)) return found;
  TRIB_TRY(names, files_->list(directory_));
  for (const std::string& name : names) {
    std::string_view rest = name;
    if (!rest.ends_with(kSuffix)) continue;
    rest.remove_suffix(kSuffix.size());
    const auto sequence = take_number(rest);
    const auto round = sequence ? take_number(rest) : std::nullopt;
    if (!round) continue;
    found.push_back(
        {directory_ + "/" + name, *sequence, static_cast<RoundNumber>(*round), std::string(rest)});
  }
  std::ranges::sort(found, {}, &Entry::sequence);
  return found;
}

Result<Carried> CarriedStore::read(const Entry* entry) const {
  if (entry == nullptr) return Carried{};
  TRIB_TRY(bytes, files_->read(entry->file, limits::kBlobBytesMax));
  const Result<Model> file = decode_safetensors(bytes);
  Carried parts;
  if (!file) return parts;
  std::span<const float> values = file->values;
  for (const TensorInfo& tensor : file->layout.tensors) {
    const auto part = values.first(element_count(tensor));
    parts[tensor.name].assign(part.begin(), part.end());
    values = values.subspan(part.size());
  }
  return parts;
}

Result<Carried> CarriedStore::after(const JobId& job, RoundNumber round) const {
  TRIB_TRY(all, entries());
  // The last of them: a kill can leave one that was to give way.
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const Entry& entry) {
    return entry.job == job.value && entry.round == round;
  });
  return read(found == all.rend() ? nullptr : &*found);
}

Result<Carried> CarriedStore::last(const JobId& job, RoundNumber round) const {
  TRIB_TRY(all, entries());
  const Entry* last = nullptr;
  for (const Entry& entry : all) {
    if (entry.job != job.value || entry.round > round) continue;
    if (last == nullptr || entry.round >= last->round) last = &entry;
  }
  return read(last);
}

Status CarriedStore::keep(const JobId& job, RoundNumber round, RoundNumber from,
                          const Carried& left) {
  TRIB_CHECK_OK(files_->make_directories(directory_));
  TRIB_TRY(all, entries());
  const std::uint64_t sequence = all.empty() ? 1 : all.back().sequence + 1;
  const std::string file = directory_ + "/" + std::to_string(sequence) + "_" +
                           std::to_string(round) + "_" + job.value + std::string(kSuffix);
  Model model;
  for (const auto& [name, values] : left) {
    model.layout.tensors.push_back({name, {static_cast<std::int64_t>(values.size())}});
    model.values.insert(model.values.end(), values.begin(), values.end());
  }
  TRIB_CHECK_OK(files_->write_durably(file, encode_safetensors(model)));
  // Latest first: of this job what it began with stays, of others what they have, up to the limit.
  std::set<std::string> jobs = {job.value};
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
    bool stays = false;
    if (entry->job == job.value) {
      stays = entry->round == from && from != round;
    } else {
      stays = jobs.contains(entry->job) || jobs.size() < kJobsMax;
      if (stays) jobs.insert(entry->job);
    }
    if (!stays) TRIB_CHECK_OK(files_->remove(entry->file));
  }
  return {};
}

}  // namespace tributary
