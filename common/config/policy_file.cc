// SPDX-License-Identifier: Apache-2.0
#include "common/config/policy_file.h"

#include <algorithm>
#include <charconv>

#include "common/base/limits.h"
#include "common/config/catalog.h"
#include "common/config/file_kind.h"
#include "common/config/suggest.h"
#include "common/crypto/identity.h"

namespace tributary {
namespace {

using Names = SitePolicy::Names;

std::vector<std::string> names_of(const std::vector<PluginSchema>& plugins) {
  std::vector<std::string> names;
  for (const PluginSchema& plugin : plugins) names.push_back(plugin.name);
  return names;
}

Names read_names(Section& from, std::string_view key) {
  if (!from.has(key)) return std::nullopt;
  return from.texts(key);
}

// A misspelt name must not become a rule that nothing fits, or everything.
Names read_known(Section& from, std::string_view key, const std::vector<std::string>& known) {
  const Names names = read_names(from, key);
  if (!names) return names;
  for (const std::string& name : *names) {
    if (!std::ranges::count(known, name))
      from.fault(key, "unknown name '" + name + "'" + suggest(name, known));
  }
  return names;
}

Digest read_digest(Section& from, std::string_view key, const std::string& text) {
  const Result<Digest> digest = digest_from_hex(text);
  if (digest) return *digest;
  from.fault(key, "a SHA-256 has 64 hexadecimal digits, found '" + text + "'");
  return {};
}

std::vector<Digest> read_digests(Section& from, std::string_view key) {
  std::vector<Digest> digests;
  for (const std::string& text : from.texts(key, Section::Texts{}))
    digests.push_back(read_digest(from, key, text));
  return digests;
}

std::vector<TrustedCoordinator> read_coordinators(Section& root) {
  std::vector<TrustedCoordinator> coordinators;
  for (Section::Item& item : root.items("coordinators")) {
    TrustedCoordinator one;
    if (item.word) {
      one.name = *item.word;
    } else {
      one.name = item.section.text("name");
      if (item.section.has("certificate_sha256")) {
        const std::string pin = item.section.text("certificate_sha256");
        one.certificate = read_digest(item.section, "certificate_sha256", pin);
      }
    }
    coordinators.push_back(std::move(one));
  }
  return coordinators;
}

// "20:30" in minutes; 24:00 is the end of the day.
std::optional<int> minute_of(std::string_view text) {
  int hour = 0, minute = 0;
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto read = [](std::string_view digits, int& into) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + 2, into);
    return error == std::errc{} && end == digits.data() + 2;
  };
  if (!read(text.substr(0, 2), hour) || !read(text.substr(3), minute)) return std::nullopt;
  const int all = hour * 60 + minute;
  return hour < 0 || minute < 0 || minute > 59 || all > 24 * 60 ? std::nullopt : std::optional(all);
}

std::vector<DayTime> read_hours(Section& root) {
  std::vector<DayTime> hours;
  for (const std::string& text : root.texts("hours", Section::Texts{})) {
    const std::string_view view = text;
    const auto from = minute_of(view.substr(0, 5));
    const auto to = minute_of(view.substr(std::min<std::size_t>(view.size(), 6)));
    if (view.size() != 11 || view[5] != '-' || !from || !to || *from == *to) {
      root.fault("hours", "expected times as in \"20:00-06:00\", found '" + text + "'");
      continue;
    }
    hours.push_back({*from, *to});
  }
  return hours;
}

// "2MiB/s".
std::int64_t read_rate(Section& from, std::string_view key) {
  constexpr std::uint64_t kLeast = 1u << 10, kMost = 1ull << 40;
  const std::string text = from.text(key);
  const bool per_second = text.ends_with("/s");
  const auto size = parse_byte_size(std::string_view(text).substr(0, text.size() - 2 * per_second));
  if (per_second && size && *size >= kLeast && *size <= kMost)
    return static_cast<std::int64_t>(*size);
  if (from.has(key))
    from.fault(key, "expected a rate from 1KiB/s to 1TiB/s such as 2MiB/s, found '" + text + "'");
  return 0;
}

std::vector<UploadRate> read_bandwidth(Section& root) {
  std::vector<UploadRate> rates;
  for (Section::Item& item : root.items("bandwidth")) {
    if (item.word) {
      root.fault("bandwidth",
                 "expected {upload: 2MiB/s}, with hours or not, found '" + *item.word + "'");
      continue;
    }
    if (!rates.empty() && rates.back().hours.empty())
      root.fault("bandwidth", "a rate without hours stands last: those behind it never count");
    std::vector<DayTime> hours = read_hours(item.section);
    rates.push_back({std::move(hours), read_rate(item.section, "upload")});
  }
  return rates;
}

void read_limits(Section& root, SitePolicy& policy) {
  constexpr std::int64_t kNone = SitePolicy::kNoLimit;
  Section from = root.section("limits", Section::Need::kOptional);
  policy.max_rounds = from.integer("max_rounds", {1, kNone}, kNone);
  policy.max_epochs = from.integer("max_epochs", {1, kNone}, kNone);
  policy.min_batch_size = from.integer("min_batch_size", {1, kNone}, 1);
  policy.max_batch_size = from.integer("max_batch_size", {1, kNone}, kNone);
  policy.max_parameters = from.integer("max_parameters", {1, kNone}, kNone);
  policy.min_records = from.integer("min_records", {0, kNone}, 0);
  policy.min_sites = from.integer("min_sites", {1, kNone}, 1);
  if (from.has("max_memory")) {
    policy.max_memory_bytes = static_cast<std::int64_t>(from.byte_size("max_memory", {1, kNone}));
  }
  if (from.has("max_upload")) {
    policy.max_upload_bytes = static_cast<std::int64_t>(from.byte_size("max_upload", {1, kNone}));
  }
}

void read_privacy(Section& root, SitePolicy& policy) {
  const NumberRange positive{.min = 0.0, .above_min = true};
  Section from = root.section("privacy", Section::Need::kOptional);
  policy.min_secure_sites = from.integer("min_secure_sites", {3, SitePolicy::kNoLimit}, 3);
  policy.max_epsilon = from.number("max_epsilon", positive, policy.max_epsilon);
  policy.max_epsilon_total = from.number("max_epsilon_total", positive, policy.max_epsilon_total);
  policy.max_delta = from.number("max_delta", {.min = 0.0, .max = 1.0, .above_min = true}, 1.0);
  policy.min_noise_multiplier = from.number("min_noise_multiplier", {.min = 0.0}, 0.0);
}

void read_metrics(Section& root, SitePolicy& policy) {
  Section from = root.section("metrics", Section::Need::kOptional);
  policy.metrics = read_known(
      from, "allow",
      {"loss", "accuracy", "auc", "f1", "confusion", "calibration", "mae", "r2", "bleu"});
  policy.decimals = from.integer("decimals", {0, 15}, 15);
  policy.min_count = from.integer("min_count", {0, SitePolicy::kNoLimit}, 0);
}

}  // namespace

Result<SitePolicy> parse_site_policy(const std::string& text, const std::string& file_name) {
  TRIB_TRY(document, YamlDocument::parse(text, file_name));
  Section root = document->root();
  TRIB_CHECK_OK(refuse_other_kinds(FileKind::kPolicy, root, *document));
  SitePolicy policy;
  policy.approval = root.choice("approval", {"automatic", "manual"}) == "automatic"
                        ? Approval::kAutomatic
                        : Approval::kManual;
  policy.require_signature = root.flag("require_signature", true);
  policy.submitters = read_names(root, "submitters");
  if (const Names roles =
          read_known(root, "submitter_roles", {kOperatorRoles.begin(), kOperatorRoles.end()})) {
    policy.submitter_roles = *roles;
  }
  if (root.has("coordinators")) policy.coordinators = read_coordinators(root);
  policy.hours = read_hours(root);
  policy.datasets = read_names(root, "datasets");
  policy.model_families = read_known(root, "model_families", names_of(model_families()));
  policy.torchscript = read_digests(root, "torchscript");
  policy.losses = read_known(root, "losses", {"bce", "cross_entropy", "mse"});
  policy.optimizers = read_known(root, "optimizers", names_of(client_optimizers()));
  policy.algorithms = read_known(root, "algorithms", names_of(client_algorithms()));
  policy.trains_as_root = root.flag("trains_as_root", false);
  read_limits(root, policy);
  if (root.has("bandwidth")) policy.bandwidth = read_bandwidth(root);
  policy.local_tensors = root.texts("local_tensors", Section::Texts{});
  for (const std::string& pattern : policy.local_tensors) {
    if (pattern.empty() || pattern.find_first_of("[]\\") != std::string::npos)
      root.fault("local_tensors", "'" + pattern + "' is no name; * and ? stand for any characters");
  }
  const std::vector<std::string> needs = {"optional", "required"};
  policy.needs_secure_aggregation =
      root.choice("secure_aggregation", needs, "optional") == "required";
  policy.needs_differential_privacy =
      root.choice("differential_privacy", needs, "optional") == "required";
  read_privacy(root, policy);
  read_metrics(root, policy);
  TRIB_CHECK_OK(document->finish());
  return policy;
}

}  // namespace tributary
