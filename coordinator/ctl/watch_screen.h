// SPDX-License-Identifier: Apache-2.0
// WatchScreen: what `tributaryctl watch` shows of a running job on a terminal: its rounds, its
// sites, a progress bar; made from the job's events alone. One thread. It does not write: the
// caller does.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/domain/operator_messages.h"
#include "coordinator/ctl/tables.h"

namespace tributary {

class WatchScreen {
 public:
  explicit WatchScreen(const JobDetail& detail);

  // `json` is the event's line of the log.
  void apply(const std::string& event, const nlohmann::json& json);
  // At most `height` lines of at most `width` characters; sites that work come first.
  std::vector<std::string> lines(std::size_t width, std::size_t height) const;

 private:
  struct Site {
    std::string doing;  // "train 40 %", "accepted", "disconnected"
    bool working = false;
    std::uint64_t examples = 0, bytes = 0;
    double seconds = 0;
    std::optional<double> train_loss, accuracy, auc;
  };
  struct Round {
    std::uint32_t number = 0;
    std::string updates;  // accepted/selected
    double seconds = 0;
    std::optional<double> loss, accuracy, auc;
    std::map<std::string, double> others;  // of kMainOthers
    std::optional<double> epsilon;         // of whole sites, spent with it
  };

  void apply_to_site(const std::string& event, const nlohmann::json& json, Site& site) const;
  Round& round(std::uint32_t number);
  std::vector<TableRow> site_rows(std::size_t room) const;
  std::vector<TableRow> round_rows() const;
  std::string bar(std::size_t width) const;

  std::string name_;
  std::uint32_t rounds_;
  std::uint32_t done_;  // rounds committed
  std::string phase_;   // "round 4: train", "waiting for sites"
  std::deque<Round> recent_;
  std::map<std::string, Site> sites_;
};

}  // namespace tributary
