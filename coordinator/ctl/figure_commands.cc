// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/config/job_file.h"
#include "coordinator/ctl/commands.h"
#include "coordinator/ctl/figure_tables.h"

namespace tributary {
namespace {

bool was_evaluated(const RoundRow& row) {
  return row.task == "evaluate" && !row.figures.figures.empty();
}

// The evaluation of the round that is meant by best, last or a number.
Result<RoundRow> evaluation_of(const JobDetail& detail, const std::string& which) {
  std::uint32_t wanted = detail.summary.best_round;
  if (which != "last" && which != "best") {
    const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), wanted);
    if (error != std::errc{} || end != which.data() + which.size()) {
      return make_error(ErrorCode::kInvalidArgument,
                        "'" + which + "' is no round: use best, last or a number");
    }
  }
  const RoundRow* found = nullptr;
  std::string evaluated;
  for (const RoundRow& row : detail.rounds) {
    if (!was_evaluated(row)) continue;
    evaluated += (evaluated.empty() ? "" : ", ") + std::to_string(row.round);
    if (which == "last" || row.round == wanted) found = &row;
  }
  if (found != nullptr) return *found;
  return make_error(ErrorCode::kNotFound,
                    evaluated.empty()
                        ? "no round of job " + detail.summary.job.value + " was evaluated yet"
                        : "round " + which + " was not evaluated; those that were: " + evaluated);
}

// {negative, positive}, or the classes by number: as the job's file names them.
std::vector<std::string> class_names(const JobDetail& detail) {
  const auto job = parse_job(detail.document, "job file");
  if (!job) return {};  // of another version
  const DataSpec& data = job->spec.data;
  if (data.target == TargetKind::kBinary && data.label_values.empty())
    return {"negative", "positive"};
  return data.label_values;
}

void print_part(const std::string& title, const std::vector<TableRow>& rows) {
  if (rows.size() < 2) return;
  std::cout << "\n" << title << "\n";
  print_table(std::cout, rows);
}

}  // namespace

Status job_figures(Connection& connection, const std::string& job, const std::string& round,
                   bool json) {
  TRIB_TRY(detail, connection.ask_pages<JobDetail>(ShowJob{JobId{job}, {}}));
  TRIB_TRY(row, evaluation_of(detail, round));
  const std::vector<std::string> names = class_names(detail);
  if (json) {
    std::cout
        << figures_json(row, names).dump(2, ' ', true, nlohmann::json::error_handler_t::replace)
        << "\n";
    return {};
  }
  std::cout << "job " << escaped(job) << ", round " << row.round << " of " << detail.summary.rounds
            << ", on " << row.examples << " rows of all sites together\n\n";
  print_table(std::cout, figure_rows(row.figures));
  print_part("On each site's own rows", site_figure_rows(row));
  print_part("Each class", class_rows(row.figures, names));
  print_part("How often a class was taken for another", confusion_rows(row.figures, names));
  return {};
}

}  // namespace tributary
