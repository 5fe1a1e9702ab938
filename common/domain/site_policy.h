// SPDX-License-Identifier: Apache-2.0
// SitePolicy: what a site lets jobs do there, and what may leave it. The site's own file sets it
// (policy.yaml), and no coordinator can loosen it. Plain values, any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/domain/role_matrix.h"

namespace tributary {

struct TrustedCoordinator {
  std::string name;                   // in its certificate
  std::optional<Digest> certificate;  // SHA-256 of it; none: whichever has the name
  bool operator==(const TrustedCoordinator&) const = default;
};

// A time of the day, in minutes of the site's own clock; past midnight where it ends before it
// begins.
struct DayTime {
  int from = 0;
  int to = 0;
  bool operator==(const DayTime&) const = default;
};

// How fast results may leave.
struct UploadRate {
  std::vector<DayTime> hours = {};  // empty: at any time
  std::int64_t bytes_per_second = 0;
  bool operator==(const UploadRate&) const = default;
};

enum class Approval { kAutomatic, kManual };

struct SitePolicy {
  using Names = std::optional<std::vector<std::string>>;  // none: no rule
  static constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

  // --- who ---
  Approval approval = Approval::kAutomatic;  // manual: a person lets each job run
  bool require_signature = true;             // by the operator who submitted the job
  Names submitters = {};
  // Whose signatures under a job count, whatever the coordinator lets others submit.
  std::vector<std::string> submitter_roles =
      roles_that_may(built_in_roles(), OperatorAction::kSubmitJobs);
  std::optional<std::vector<TrustedCoordinator>> coordinators = {};
  std::vector<DayTime> hours = {};  // empty: at any time
  // --- what runs ---
  Names datasets = {};
  Names model_families = {};             // none: every one but torchscript
  std::vector<Digest> torchscript = {};  // modules that may run
  Names losses = {};
  Names optimizers = {};
  Names algorithms = {};
  // Of an evaluator: a job may name it as the root of its rule, and train on the rows that only
  // judge otherwise.
  bool trains_as_root = false;
  // --- how much ---
  std::int64_t max_rounds = kNoLimit;
  std::int64_t max_epochs = kNoLimit;  // passes over the site's rows in a round
  std::int64_t min_batch_size = 1;
  std::int64_t max_batch_size = kNoLimit;
  std::int64_t max_parameters = kNoLimit;
  // What a TorchScript module may take, beside the data and the model; 0: three quarters of what is
  // free.
  std::int64_t max_memory_bytes = 0;
  std::int64_t min_records = 0;  // rows to train on
  std::int64_t min_sites = 1;    // whose updates are summed before anybody sees the sum
  // --- what leaves ---
  std::int64_t max_upload_bytes = kNoLimit;  // of one round
  // Of all results together: the first whose hours it is; none: as fast as the line.
  std::vector<UploadRate> bandwidth = {};
  std::vector<std::string> local_tensors = {};  // that must not leave; with * and ?
  // --- privacy ---
  bool needs_secure_aggregation = false;
  // How many sites a sum is at least made of that the coordinator sees.
  std::int64_t min_secure_sites = 3;
  bool needs_differential_privacy = false;                             // of records
  double max_epsilon = std::numeric_limits<double>::infinity();        // of one job
  double max_epsilon_total = std::numeric_limits<double>::infinity();  // of a dataset, for ever
  double max_delta = 1.0;
  double min_noise_multiplier = 0.0;
  // --- figures ---
  Names metrics = {};          // loss, accuracy, auc, f1
  std::int64_t min_count = 0;  // smaller counts than this are not told, but for 0
  std::int64_t decimals = 15;  // of losses and norms
  bool operator==(const SitePolicy&) const = default;
};

}  // namespace tributary
