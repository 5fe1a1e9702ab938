// SPDX-License-Identifier: Apache-2.0
// PrivacySpec: what a job promises of privacy, as its file says it. Three independent promises:
// nobody sees a single site's update (secure aggregation), a record can hardly be told from the
// model (records), a whole site can hardly be (sites). Plain values, any thread.
#pragma once

#include <cstdint>
#include <optional>

namespace tributary {

// Of single records, by each site for its own: DP-SGD (Abadi et al. 2016). Adjacent data sets
// differ by one record that is there or not; batches are Poisson samples.
struct RecordPrivacy {
  double clip = 1.0;              // L2 norm of an example's gradient at most
  double noise_multiplier = 1.0;  // standard deviation of the noise on a batch's sum, in clips
  double delta = 1e-5;
  double max_epsilon = 0.0;  // what the job may spend at a site
  bool operator==(const RecordPrivacy&) const = default;
};

// kGaussian: fresh noise each round (DP-FedAvg, McMahan et al. 2018); amplified by sampling only
// where sites are drawn at random. kTree: noise of sums over rounds (DP-FTRL, Kairouz et al. 2021),
// whoever takes part.
enum class SiteMechanism { kGaussian, kTree };

// The clip follows a quantile of the updates' norms (Andrew et al. 2021).
struct AdaptiveClip {
  double quantile = 0.5;
  double rate = 0.2;         // of its geometric steps
  double count_noise = 0.0;  // standard deviation of the noise on the count; in a job's file a
                             // twentieth of rounds.target if left out
  bool operator==(const AdaptiveClip&) const = default;
};

// Of whole sites: adjacent federations differ by one site that is there or not. The noise is the
// coordinator's; with secure aggregation each site adds its part, and nobody has to be believed.
struct SitePrivacy {
  SiteMechanism mechanism = SiteMechanism::kGaussian;
  double clip = 1.0;              // L2 norm of a site's update at most; at first, where adaptive
  double noise_multiplier = 1.0;  // standard deviation of the noise on the sum, in clips
  double delta = 1e-5;
  double max_epsilon = 0.0;  // what the job may spend
  // kTree: in so many rounds a site counts at most once; each such pass has a tree of its own. 0
  // otherwise.
  std::uint32_t rounds_per_pass = 0;
  std::optional<AdaptiveClip> adaptive;
  bool operator==(const SitePrivacy&) const = default;
};

// Sums whose addends nobody sees (Bonawitz et al. 2017, Bell et al. 2020).
struct SecureAggregation {
  std::uint32_t bits = 32;        // of a masked number: 16, 20, 24 or 32
  double clip = 1.0;              // L2 norm of an update at most; longer ones are made shorter
  double range = 1.0;             // a coordinate beyond it counts as it
  double adversarial = 0.10;      // share of the sites that may work with a lying coordinator
  double dropout = 0.20;          // share of them that may go away while the sum is made
  std::uint32_t group_size = 0;   // sites whose sum is shown; 0: all of the round
  std::int64_t step_ms = 60'000;  // each step of the protocol waits at most so long
  bool operator==(const SecureAggregation&) const = default;
};

struct PrivacySpec {
  std::optional<SecureAggregation> secure_aggregation;
  std::optional<RecordPrivacy> records;
  std::optional<SitePrivacy> sites;
  bool operator==(const PrivacySpec&) const = default;
};

}  // namespace tributary
