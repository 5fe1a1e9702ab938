// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/figure_tables.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

namespace tributary {
namespace {

using Json = nlohmann::json;

// One class's counts; a binary job has those of its positive class, and those of the other follow.
struct ClassRow {
  std::string name;
  std::uint64_t hit = 0, wrong = 0, missed = 0;
};

// A confusion says what was counted of it, which is less than all where sites did not tell it.
struct Confusion {
  std::vector<std::string> names;
  std::vector<std::uint64_t> counts;
};

std::string name_of(const std::vector<std::string>& names, std::size_t i) {
  return i < names.size() ? names[i] : std::to_string(i);
}

bool is_binary(const FigureTable& table) { return table.classes.size() == 1; }

std::vector<ClassRow> classes_of(const FigureTable& table, const std::vector<std::string>& names) {
  std::vector<ClassRow> rows;
  if (is_binary(table)) {
    const ClassCounts& one = table.classes[0];
    const std::uint64_t others =
        table.labels - one.true_positives - one.false_positives - one.false_negatives;
    return {{name_of(names, 0), others, one.false_negatives, one.false_positives},
            {name_of(names, 1), one.true_positives, one.false_positives, one.false_negatives}};
  }
  for (std::size_t i = 0; i < table.classes.size(); ++i) {
    const ClassCounts& one = table.classes[i];
    rows.push_back(
        {name_of(names, i), one.true_positives, one.false_positives, one.false_negatives});
  }
  return rows;
}

Confusion confusion_of(const FigureTable& table, const std::vector<std::string>& names) {
  Confusion confusion;
  for (const ClassRow& one : classes_of(table, names)) confusion.names.push_back(one.name);
  confusion.counts = table.confusion;
  if (is_binary(table)) {
    const auto both = classes_of(table, names);
    confusion.counts = {both[0].hit, both[0].missed, both[1].missed, both[1].hit};
  }
  if (confusion.counts.size() != confusion.names.size() * confusion.names.size()) return {};
  return confusion;
}

std::optional<double> share(std::uint64_t hits, std::uint64_t of) {
  if (of == 0) return std::nullopt;
  return static_cast<double>(hits) / static_cast<double>(of);
}

Json share_json(std::uint64_t hits, std::uint64_t of) {
  const std::optional<double> value = share(hits, of);
  return value ? Json(*value) : Json(nullptr);
}

std::map<std::string, double> figures_of_site(const ParticipantRow& site) {
  std::map<std::string, double> figures = site.figures;
  if (site.examples > 0) figures["loss"] = site.loss;
  if (site.accuracy) figures["accuracy"] = *site.accuracy;
  if (site.auc) figures["auc"] = *site.auc;
  if (site.f1) figures["f1"] = *site.f1;
  return figures;
}

std::string limits_text(const std::optional<Interval>& interval) {
  if (!interval) return "-";
  return figure(interval->low) + " to " + figure(interval->high);
}

}  // namespace

std::vector<TableRow> figure_rows(const FigureTable& table) {
  std::vector<TableRow> rows = {
      {"FIGURE", "ALL ROWS", "95 % LIMITS", "MEAN OF SITES", "+-", "WORST", "WORST SITE"}};
  for (const FigureRow& one : table.figures) {
    TableRow row = {one.name, figure(one.value), limits_text(one.interval), "-", "-", "-", "-"};
    if (one.spread) {
      row[3] = figure(one.spread->mean);
      row[4] = figure(one.spread->deviation);
      row[5] = figure(one.spread->worst);
      row[6] = one.spread->worst_site;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<TableRow> site_figure_rows(const RoundRow& round) {
  std::vector<std::string> names;  // that any site has, in the order of all figures
  for (const FigureRule& rule : figure_rules()) {
    const auto has = [&](const ParticipantRow& site) {
      return figures_of_site(site).contains(std::string(rule.name));
    };
    if (rule.in_log && std::ranges::any_of(round.participants, has)) names.emplace_back(rule.name);
  }
  TableRow head = {"SITE", "ROWS"};
  for (std::string name : names) {
    std::ranges::transform(name, name.begin(), [](char c) {
      return c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    head.push_back(std::move(name));
  }
  std::vector<TableRow> rows = {std::move(head)};
  for (const ParticipantRow& site : round.participants) {
    const std::map<std::string, double> figures = figures_of_site(site);
    if (figures.empty()) continue;
    TableRow row = {site.site.value, std::to_string(site.examples)};
    for (const std::string& name : names) {
      const auto found = figures.find(name);
      row.push_back(found == figures.end() ? "-" : figure(found->second));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<TableRow> class_rows(const FigureTable& table, const std::vector<std::string>& names) {
  std::vector<TableRow> rows = {
      {"CLASS", "LABELS", "SENSITIVITY", "95 % LIMITS", "PRECISION", "F1 (DICE)", "IOU"}};
  for (const ClassRow& one : classes_of(table, names)) {
    const std::uint64_t labels = one.hit + one.missed, named = one.hit + one.wrong;
    rows.push_back({one.name, std::to_string(labels), figure(share(one.hit, labels)),
                    labels > 0 ? limits_text(wilson_interval(one.hit, labels)) : "-",
                    figure(share(one.hit, named)), figure(share(2 * one.hit, labels + named)),
                    figure(share(one.hit, labels + one.wrong))});
  }
  return rows;
}

std::vector<TableRow> confusion_rows(const FigureTable& table,
                                     const std::vector<std::string>& names) {
  const Confusion confusion = confusion_of(table, names);
  const std::size_t classes = confusion.names.size();
  TableRow head = {"IS \\ TAKEN FOR"};
  head.insert(head.end(), confusion.names.begin(), confusion.names.end());
  std::vector<TableRow> rows = {std::move(head)};
  for (std::size_t i = 0; i < classes; ++i) {
    TableRow row = {confusion.names[i]};
    for (std::size_t j = 0; j < classes; ++j)
      row.push_back(std::to_string(confusion.counts[i * classes + j]));
    rows.push_back(std::move(row));
  }
  return rows;
}

Json figures_json(const RoundRow& round, const std::vector<std::string>& names) {
  Json figures = Json::object(), sites = Json::object(), classes = Json::array();
  for (const FigureRow& one : round.figures.figures) {
    Json figure = {{"value", one.value}};
    if (one.interval) figure["limits_95"] = {one.interval->low, one.interval->high};
    if (one.spread) {
      figure["sites"] = {{"mean", one.spread->mean},
                         {"deviation", one.spread->deviation},
                         {"worst", one.spread->worst},
                         {"worst_site", one.spread->worst_site}};
    }
    figures[one.name] = std::move(figure);
  }
  for (const ParticipantRow& site : round.participants) {
    if (const auto own = figures_of_site(site); !own.empty())
      sites[site.site.value] = {{"examples", site.examples}, {"figures", own}};
  }
  for (const ClassRow& one : classes_of(round.figures, names)) {
    classes.push_back({{"class", one.name},
                       {"true_positives", one.hit},
                       {"false_positives", one.wrong},
                       {"false_negatives", one.missed},
                       {"sensitivity", share_json(one.hit, one.hit + one.missed)},
                       {"precision", share_json(one.hit, one.hit + one.wrong)}});
  }
  const Confusion confusion = confusion_of(round.figures, names);
  Json rows = Json::array();
  for (std::size_t i = 0; i < confusion.names.size(); ++i) {
    const auto* row = confusion.counts.data() + i * confusion.names.size();
    rows.push_back(std::vector<std::uint64_t>(row, row + confusion.names.size()));
  }
  return {{"round", round.round},
          {"examples", round.examples},
          {"labels", round.figures.labels},
          {"figures", figures},
          {"sites", sites},
          {"classes", classes},
          {"confusion", rows}};
}

}  // namespace tributary
