// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/watch_screen.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/text.h"

namespace tributary {
namespace {

using Json = nlohmann::json;
constexpr std::size_t kRoundsShown = 5;
constexpr std::size_t kBarWidthMax = 40;
constexpr std::size_t kLinesAroundSites = 5;  // title, bar, two headings, "and N more"

std::optional<double> number(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::uint64_t count(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string count_text(std::uint64_t value) { return value > 0 ? std::to_string(value) : "-"; }

std::string short_figure(const std::optional<double>& value) {
  return value ? figure(value) : std::string("-");
}

}  // namespace

WatchScreen::WatchScreen(const JobDetail& detail)
    : name_(detail.summary.job.value), rounds_(detail.summary.rounds), done_(detail.summary.round) {
  for (const RoundRow& row : detail.rounds) {
    if (row.task == "train" && row.outcome == "committed") {
      Round& one = round(row.round);
      const auto accepted = std::ranges::count_if(
          row.participants, [](const ParticipantRow& p) { return p.reason == "accepted"; });
      one.updates = std::to_string(accepted) + "/" + std::to_string(row.participants.size());
      one.seconds = row.seconds;
      one.epsilon = row.epsilon;
    } else if (row.task == "evaluate") {
      Round& one = round(row.round);
      one.loss = row.loss;
      one.accuracy = row.accuracy;
      one.auc = row.auc;
      for (const FigureRow& figure : row.figures.figures) one.others[figure.name] = figure.value;
    }
  }
}

WatchScreen::Round& WatchScreen::round(std::uint32_t number) {
  const auto found = std::ranges::find(recent_, number, &Round::number);
  if (found != recent_.end()) return *found;
  if (recent_.size() == kRoundsShown) recent_.pop_front();
  recent_.push_back({});
  recent_.back().number = number;
  return recent_.back();
}

void WatchScreen::apply(const std::string& event, const Json& json) {
  const auto at = static_cast<std::uint32_t>(count(json, "round"));
  if (event == "round.started") {
    phase_ = "round " + std::to_string(at) + ": " + text(json, "task");
    if (count(json, "attempt") > 1) phase_ += ", attempt " + std::to_string(count(json, "attempt"));
    for (auto& [name, site] : sites_) {
      site.doing = "-";
      site.working = false;
    }
  } else if (event == "round.committed") {
    done_ = at;
    Round& one = round(at);
    one.updates =
        std::to_string(count(json, "accepted")) + "/" + std::to_string(count(json, "selected"));
    one.seconds = number(json, "seconds").value_or(0.0);
    one.epsilon = number(json, "epsilon");
  } else if (event == "evaluation.finished") {
    Round& one = round(at);
    one.loss = number(json, "loss");
    one.accuracy = number(json, "accuracy");
    one.auc = number(json, "auc");
    for (const char* name : kMainOthers) {
      if (const std::optional<double> value = number(json, name)) one.others[name] = *value;
    }
  } else if (event == "job.waiting") {
    phase_ = text(json, "by") == "root"
                 ? "waiting for the root: " + text(json, "missing") + text(json, "unfit")
                 : "waiting for sites: " + std::to_string(count(json, "have")) + " of " +
                       std::to_string(count(json, "need"));
  } else if (const std::string site = text(json, "site"); !site.empty()) {
    apply_to_site(event, json, sites_[site]);
  }
}

void WatchScreen::apply_to_site(const std::string& event, const Json& json, Site& site) const {
  const std::string task = text(json, "task");
  if (event == "client.selected") {
    site.doing = "asked to " + task;
    site.working = true;
  } else if (event == "task.accepted") {
    site.doing = task;
  } else if (event == "task.progress") {
    const std::uint64_t total = std::max<std::uint64_t>(count(json, "total"), 1);
    site.doing = task + " " + std::to_string(100 * count(json, "done") / total) + " %";
  } else if (event == "client.outcome") {
    site.working = false;
    site.doing = text(json, "reason");
    if (task != "train") return;
    site.seconds = number(json, "seconds").value_or(0.0);
    if (site.doing != "accepted") return;
    site.examples = count(json, "examples");
    site.bytes = count(json, "bytes");
    site.train_loss = number(json, "loss");
  } else if (event == "site.evaluated") {
    site.accuracy = number(json, "accuracy");
    site.auc = number(json, "auc");
  }
}

std::string WatchScreen::bar(std::size_t width) const {
  const std::string after =
      " " + std::to_string(done_) + "/" + std::to_string(rounds_) + " rounds  " + escaped(phase_);
  const std::size_t room =
      std::min(kBarWidthMax, width > after.size() + 2 ? width - after.size() - 2 : std::size_t{0});
  const std::size_t filled = rounds_ > 0 ? room * std::min(done_, rounds_) / rounds_ : 0;
  return "[" + std::string(filled, '#') + std::string(room - filled, '.') + "]" + after;
}

std::vector<TableRow> WatchScreen::round_rows() const {
  std::vector<TableRow> rows = {{"ROUND", "UPDATES", "LOSS", "ACCURACY", "AUC", "TIME"}};
  for (const Round& one : recent_) {
    rows.push_back({std::to_string(one.number), one.updates.empty() ? "-" : one.updates,
                    short_figure(one.loss), short_figure(one.accuracy), short_figure(one.auc),
                    seconds_text(one.seconds)});
  }
  for (const char* name : kMainOthers) {
    if (std::ranges::none_of(recent_, [=](const Round& one) { return one.others.contains(name); }))
      continue;
    rows[0].push_back(upper_case(name));
    for (std::size_t i = 0; i < recent_.size(); ++i) {
      const auto found = recent_[i].others.find(name);
      rows[i + 1].push_back(found == recent_[i].others.end() ? "-" : figure(found->second));
    }
  }
  if (std::ranges::none_of(recent_, [](const Round& one) { return one.epsilon.has_value(); }))
    return rows;
  rows[0].emplace_back("EPSILON");
  for (std::size_t i = 0; i < recent_.size(); ++i)
    rows[i + 1].push_back(short_figure(recent_[i].epsilon));
  return rows;
}

std::vector<TableRow> WatchScreen::site_rows(std::size_t room) const {
  std::vector<const std::pair<const std::string, Site>*> order;
  for (const auto& entry : sites_) order.push_back(&entry);
  std::ranges::stable_sort(order, std::greater{},
                           [](const auto* entry) { return entry->second.working; });
  std::vector<TableRow> rows = {
      {"SITE", "STATE", "EXAMPLES", "TRAIN LOSS", "ACCURACY", "AUC", "UPDATE", "TIME"}};
  for (std::size_t i = 0; i < order.size() && i < room; ++i) {
    const auto& [name, site] = *order[i];
    rows.push_back({name, site.doing, count_text(site.examples), short_figure(site.train_loss),
                    short_figure(site.accuracy), short_figure(site.auc),
                    site.bytes > 0 ? bytes_text(site.bytes) : "-",
                    site.seconds > 0 ? seconds_text(site.seconds) : "-"});
  }
  return rows;
}

std::vector<std::string> WatchScreen::lines(std::size_t width, std::size_t height) const {
  std::ostringstream out;
  out << "job " << escaped(name_) << "\n" << bar(width) << "\n";
  const std::vector<TableRow> rounds = round_rows();
  print_table(out, rounds);
  const std::size_t used = kLinesAroundSites + rounds.size() - 1;
  const std::size_t room = height > used ? height - used : 1;
  if (!sites_.empty()) print_table(out, site_rows(room));
  if (sites_.size() > room) out << "and " << sites_.size() - room << " sites more\n";
  std::vector<std::string> result;
  std::istringstream in(out.str());
  for (std::string line; std::getline(in, line) && result.size() < height;)
    result.push_back(line.substr(0, width));
  return result;
}

}  // namespace tributary
