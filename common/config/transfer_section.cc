// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "common/config/job_sections.h"

namespace tributary {
namespace {

using Need = Section::Need;

std::vector<std::string> read_patterns(Section& from, const char* key,
                                       std::optional<std::vector<std::string>> fallback) {
  std::vector<std::string> patterns = from.texts(key, std::move(fallback));
  if (std::ranges::count(patterns, "") > 0) from.fault(key, "a pattern is empty");
  return patterns;
}

}  // namespace

TransferSpec read_transfer(Section& root) {
  Section from = root.section("transfer", Need::kOptional);
  TransferSpec transfer;
  if (!from.present()) return transfer;
  const std::string start = from.text("start", "");
  transfer.start = !start.empty();
  if (transfer.start && !start.ends_with(".safetensors")) {
    from.fault("start",
               "is no safetensors file by its name; in Python, safetensors.torch.save_file writes "
               "a module's state_dict as one");
  }
  transfer.freeze = read_patterns(from, "freeze", std::vector<std::string>{});
  Section lora = from.section("lora", Need::kOptional);
  if (lora.present()) {
    LoraSpec& spec = transfer.lora.emplace();
    spec.rank = lora.integer("rank", {1, 4096}, 8);
    spec.alpha = lora.number("alpha", {.min = 0.0, .max = 1e6, .above_min = true}, 16.0);
    spec.targets = read_patterns(lora, "targets", {});
    if (spec.targets.empty()) lora.fault("targets", "names no weight");
  }
  return transfer;
}

void check_transfer(Section& root, const JobSpec& spec) {
  if (spec.transfer == TransferSpec{}) return;
  Section from = root.section("transfer", Need::kRequired);
  if (spec.transfer.start && spec.model.name == "torchscript")
    from.fault("start", "is for families of ours: a torchscript module brings its own weights");
}

}  // namespace tributary
