// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/data_check.h"

#include <algorithm>
#include <iostream>
#include <sstream>

#include "client/work/site_data.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/cli/named_file.h"
#include "common/config/job_file.h"

namespace tributary {
namespace {

constexpr std::size_t kWordsShown = 20;  // of one column, the most frequent ones

void tell_range(std::ostream& out, const SeenValues& values) {
  out << values.count << " values";
  if (values.count > 0)
    out << " from " << values.least << " to " << values.most << ", mean " << values.mean;
}

void tell_words(std::ostream& out, const ColumnDescription& column) {
  std::vector<std::pair<std::uint64_t, std::string>> words;
  for (const auto& [word, rows] : column.words) words.emplace_back(rows, word);
  std::ranges::sort(words, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  out << words.size() << " words:";
  for (std::size_t i = 0; i < std::min(words.size(), kWordsShown); ++i)
    out << " " << escaped(words[i].second) << " (" << words[i].first << ")";
  if (words.size() > kWordsShown) out << " and " << words.size() - kWordsShown << " more";
  if (column.other_words > 0)
    out << "; " << column.other_words << " cells with a word that the job does not name";
}

void tell_classes(std::ostream& out, const DatasetDescription& found, const DataSpec& spec) {
  for (const auto& [label, count] : found.classes) {
    out << "  class      ";
    if (label < 0) {
      out << "none";
    } else if (static_cast<std::size_t>(label) < spec.label_values.size()) {
      out << escaped(spec.label_values[static_cast<std::size_t>(label)]);
    } else {
      out << label;
    }
    out << ": " << count << "\n";
  }
}

}  // namespace

std::string text_of(const DatasetDescription& found, const DataSpec& spec) {
  std::ostringstream out;
  out << "dataset " << escaped(spec.dataset) << "\n  rows       " << found.training_rows
      << " to train on, " << found.validation_rows << " to judge by, " << found.dropped_rows
      << " left out as incomplete or without a label\n";
  if (found.faulty_rows > 0) out << "  faulty     " << found.faulty_rows << " records\n";
  for (const std::string& place : found.faulty_places)
    out << "             " << escaped(place) << "\n";
  if (found.faulty_rows > found.faulty_places.size())
    out << "             and " << found.faulty_rows - found.faulty_places.size() << " more\n";
  for (const ColumnDescription& column : found.columns) {
    out << "  column     " << escaped(column.name) << ": ";
    if (column.numeric) {
      tell_range(out, column.numbers);
    } else {
      tell_words(out, column);
    }
    out << ", " << column.missing << " missing\n";
  }
  if (found.inputs.count > 0) {
    out << "  inputs     ";
    tell_range(out, found.inputs);
    out << ", before value_scale\n";
  }
  tell_classes(out, found, spec);
  if (found.targets.count > 0) {
    out << "  target     ";
    tell_range(out, found.targets);
    out << "\n";
  }
  return out.str();
}

Status check_data(const ClientConfig& config, const std::string& job_path) {
  TRIB_TRY(text, read_named(job_path, limits::kJobDocumentBytesMax));
  TRIB_TRY(job, parse_job(std::string(as_text(text)), job_path));
  FileSiteData data(config.datasets);
  data.keep_rows_in(config.state_dir + "/rows", config.memory_for_rows);
  std::string detail;
  auto found = data.describe(job.spec, detail);
  if (!found) {
    // The person at the site sees what the site's log would say.
    const std::string& said = detail.empty() ? found.error().message : detail;
    // What is wrong with a file of the site is no work that failed.
    const bool full = found.error().code == ErrorCode::kResourceExhausted;
    return make_error(full ? found.error().code : ErrorCode::kInvalidArgument,
                      "dataset " + job.spec.data.dataset + ": " + said);
  }
  std::cout << text_of(*found, job.spec.data);
  return {};
}

}  // namespace tributary
