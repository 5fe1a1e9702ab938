// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/site_source.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <optional>

#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/cli/named_file.h"
#include "common/config/client_file.h"

namespace tributary {
namespace {

Error invalid(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

Result<std::string> read_text(const std::string& path, std::uint64_t bytes_max) {
  TRIB_TRY(bytes, read_named(path, bytes_max));
  return std::string(as_text(bytes));
}

PartitionKind partition_kind(const std::string& name) {
  return name == "iid"      ? PartitionKind::kIid
         : name == "shards" ? PartitionKind::kShards
                            : PartitionKind::kDirichlet;
}

// Many sites share the machine and what its memory may hold of their rows.
std::unique_ptr<FileSiteData> file_data(std::map<std::string, PluginChoice> datasets) {
  static const auto kStore =
      std::make_shared<RowStore>(std::filesystem::temp_directory_path().string());
  auto data = std::make_unique<FileSiteData>(std::move(datasets));
  data->keep_rows_in(kStore);
  return data;
}

}  // namespace

Result<LoadedJob> load_job(const std::string& path) {
  LoadedJob loaded;
  TRIB_TRY(text, read_text(path, limits::kJobDocumentBytesMax));
  TRIB_TRY(job, parse_job(text, path));
  loaded.document = std::move(text);
  loaded.job = std::move(job);
  if (!loaded.job.model_path.empty()) {
    TRIB_TRY(module, read_named(resolve_path(loaded.job.model_path, path), limits::kBlobBytesMax));
    loaded.module_bytes = std::move(module);
  }
  return loaded;
}

Status SiteSource::check(const JobSpec& job, const ChosenAttack* attack) const {
  const std::size_t sites = options_.split > 0 ? options_.split : options_.clients.size();
  if (sites < job.rounds.minimum_sites) {
    return invalid(job.name + ": rounds.minimum_sites is " +
                   std::to_string(job.rounds.minimum_sites) + ", and there are only " +
                   std::to_string(sites) + " sites; add --client files or lower it");
  }
  if (job.privacy.secure_aggregation) {
    return invalid(job.name +
                   ": privacy.secure_aggregation takes certificates and links, which simulated "
                   "sites have not; leave it out to simulate the same arithmetic in the clear");
  }
  if (attack == nullptr) return {};
  if (options_.attackers >= sites)
    return invalid("--attackers " + std::to_string(options_.attackers) + " of " +
                   std::to_string(sites) + " sites leaves no honest one");
  if (attack->attack->flips_labels && job.data.target == TargetKind::kRegression)
    return invalid(attack->attack->schema.name + " flips labels, and a regression has none");
  return {};
}

// Each named after its file.
Result<std::vector<VirtualSite>> SiteSource::of_files() const {
  std::vector<VirtualSite> sites;
  for (const std::string& path : options_.clients) {
    TRIB_TRY(text, read_text(path, limits::kConfigBytesMax));
    TRIB_TRY(datasets, parse_datasets(text, path));
    const SiteName name{std::filesystem::path(path).stem().string()};
    if (std::ranges::find(sites, name, &VirtualSite::name) != sites.end()) {
      return invalid("two --client files are called '" + name.value +
                     "': a site has the name of its file without the ending; rename one");
    }
    sites.push_back({name, file_data(std::move(datasets))});
  }
  return sites;
}

// Many sites from one client's dataset.
Result<std::vector<VirtualSite>> SiteSource::of_split(const JobSpec& job) {
  if (options_.clients.size() != 1)
    return invalid("--split divides the dataset of exactly one --client");
  if (job.data.input_shape.empty()) return invalid("--split is for arrays (data.input_shape)");
  if (!whole_) {
    TRIB_TRY(text, read_text(options_.clients[0], limits::kConfigBytesMax));
    TRIB_TRY(datasets, parse_datasets(text, options_.clients[0]));
    whole_ = file_data(std::move(datasets));
  }
  std::string detail;
  auto whole = whole_->examples(job, {}, detail);
  if (!whole)
    return make_error(whole.error().code,
                      whole.error().message + (detail.empty() ? "" : " (" + detail + ")"));
  PartitionSpec spec;
  spec.kind = partition_kind(options_.partition);
  spec.sites = options_.split;
  spec.shards_per_site = options_.shards;
  spec.alpha = options_.alpha;
  spec.seed = job.seed;
  // Rows that have not one class each are divided as if all had the same.
  const ExampleSet& rows = (*whole)->training;
  std::vector<std::int64_t> labels(rows.labels.begin(), rows.labels.end());
  if (labels.size() != static_cast<std::size_t>(rows.rows))
    labels.assign(static_cast<std::size_t>(rows.rows), 0);
  TRIB_TRY(parts, partition_rows(spec, labels));
  std::vector<VirtualSite> sites;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "site-%04zu", i + 1);
    sites.push_back(
        {SiteName{name}, std::make_unique<ShareOfData>(*whole, std::move(parts[i]), false)});
  }
  return sites;
}

Result<std::unique_ptr<SiteData>> SiteSource::data_of_root(const JobSpec& job,
                                                           const SiteName& root) const {
  if (!options_.root.empty()) {
    TRIB_TRY(text, read_text(options_.root, limits::kConfigBytesMax));
    TRIB_TRY(datasets, parse_datasets(text, options_.root));
    auto data = file_data(std::move(datasets));
    data->serve_evaluator(root);
    return std::unique_ptr<SiteData>(std::move(data));
  }
  if (options_.split == 0) {
    return invalid(job.name + ": aggregate.rule: " + job.aggregation.rule.name + " has the root '" +
                   root.value + "'; give its client.yaml with --root");
  }
  std::string detail;
  TRIB_TRY(whole, whole_->examples(job, {}, detail));
  std::vector<std::size_t> rows(static_cast<std::size_t>(whole->training.rows));
  if (options_.root_rows > rows.size()) {
    return invalid("--root-rows " + std::to_string(options_.root_rows) + " of " +
                   std::to_string(rows.size()) + " rows that train");
  }
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  SeededRandom(derive_seed(job.seed, "root")).shuffle(rows);
  rows.resize(options_.root_rows);
  return std::unique_ptr<SiteData>(std::make_unique<ShareOfData>(whole, std::move(rows), false));
}

Result<std::vector<VirtualSite>> SiteSource::sites(const LoadedJob& job,
                                                   const ChosenAttack* attack) {
  const JobSpec& spec = job.job.spec;
  TRIB_CHECK_OK(check(spec, attack));
  TRIB_TRY(sites, options_.split > 0 ? of_split(spec) : of_files());
  if (attack != nullptr) {
    for (std::size_t i = sites.size() - options_.attackers; i < sites.size(); ++i) {
      sites[i].hostile = true;
      sites[i].data = std::make_unique<HostileData>(std::move(sites[i].data), *attack);
    }
  }
  if (options_.split > 0) {
    std::string detail;
    TRIB_TRY(whole, whole_->examples(spec, {}, detail));
    sites.push_back({SiteName{"evaluator"},
                     std::make_unique<ShareOfData>(whole, std::vector<std::size_t>{}, true)});
  }
  if (const std::optional<SiteName> root = spec.aggregation.root()) {
    if (std::ranges::find(sites, *root, &VirtualSite::name) != sites.end()) {
      return invalid(spec.name + ": a site is called '" + root->value +
                     "' like the root of aggregate.rule; give the root another name");
    }
    TRIB_TRY(data, data_of_root(spec, *root));
    sites.push_back({*root, std::move(data), false, true});
  }
  return sites;
}

}  // namespace tributary
