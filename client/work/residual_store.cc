// SPDX-License-Identifier: Apache-2.0
#include "client/work/residual_store.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "common/base/limits.h"
#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

// Files are SEQUENCE_ROUND_JOB.safetensors; the sequence says which was kept last.
constexpr std::string_view kSuffix = ".safetensors";

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() + text.size() || *end != '_') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return number;
}

}  // namespace

struct ResidualStore::Entry {
  std::string file;
  std::uint64_t sequence = 0;
  RoundNumber round = 0;
  std::string job;
};

// In the order in which they were kept.
Result<std::vector<ResidualStore::Entry>> ResidualStore::entries() const {
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

Result<std::vector<float>> ResidualStore::before(const JobId& job, RoundNumber round,
                                                 const Layout& layout) {
  TRIB_TRY(all, entries());
  const Entry* last = nullptr;
  for (const Entry& entry : all) {
    if (entry.job != job.value || entry.round >= round) continue;
    if (last == nullptr || entry.round > last->round) last = &entry;
  }
  if (last == nullptr) return std::vector<float>(layout.element_count());
  TRIB_TRY(bytes, files_->read(last->file, limits::kBlobBytesMax));
  Result<Model> model = decode_safetensors(bytes);
  if (!model || model->layout != layout) return std::vector<float>(layout.element_count());
  return std::move(model->values);
}

Status ResidualStore::keep(const JobId& job, RoundNumber round, const Model& residual) {
  TRIB_CHECK_OK(files_->make_directories(directory_));
  TRIB_TRY(all, entries());
  const std::uint64_t sequence = all.empty() ? 1 : all.back().sequence + 1;
  const std::string file = directory_ + "/" + std::to_string(sequence) + "_" +
                           std::to_string(round) + "_" + job.value + std::string(kSuffix);
  TRIB_CHECK_OK(files_->write_durably(file, encode_safetensors(residual)));
  // Latest first: of this job the round before stays, of others what they have, up to the limit.
  std::set<std::string> jobs = {job.value};
  bool before_kept = false;
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
    bool stays = false;
    if (entry->job == job.value) {
      stays = entry->round < round && !before_kept;
      before_kept = before_kept || stays;
    } else {
      stays = jobs.contains(entry->job) || jobs.size() < kJobsMax;
      if (stays) jobs.insert(entry->job);
    }
    if (!stays) TRIB_CHECK_OK(files_->remove(entry->file));
  }
  return {};
}

}  // namespace tributary
