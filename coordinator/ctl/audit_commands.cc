// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/audit/audit_verify.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/cli/named_file.h"
#include "coordinator/ctl/commands.h"
#include "coordinator/ctl/tables.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

// The log itself, or the state directory that it is in.
std::string log_path(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? path + "/audit/audit.log" : path;
}

Result<std::unique_ptr<ReadFile>> open_log(const std::string& path) {
  auto file = make_file_system()->open(path);
  if (!file) return fault_of_named(path, std::move(file).error());
  return file;
}

Result<Trust> read_trust(const AuditOptions& options) {
  auto roots = read_named(options.ca, limits::kConfigBytesMax);
  if (!roots) return std::move(roots).error().with_context("name the federation's root with --ca");
  if (options.crl.empty()) return Trust(std::string(as_text(*roots)));
  TRIB_TRY(lists, read_named(options.crl, limits::kConfigBytesMax));
  return Trust(std::string(as_text(*roots)), std::string(as_text(lists)));
}

// Named by the user, or the one that a site keeps beside its log; empty: there is none.
std::string kept_path(const AuditOptions& options, const std::string& log) {
  if (!options.kept.empty()) return options.kept;
  const auto beside = std::filesystem::path(log).replace_filename("audit.head");
  std::error_code ignored;
  return std::filesystem::exists(beside, ignored) ? beside.string() : std::string();
}

Result<std::optional<SignedHead>> read_kept(const std::string& path) {
  if (path.empty()) return std::optional<SignedHead>{};
  TRIB_TRY(file, open_log(path));
  auto kept = read_head(*file);
  if (!kept) return fault_of_named(path, std::move(kept).error());
  return std::optional(*std::move(kept));
}

void print_summary(const std::string& path, const AuditSummary& summary) {
  std::cout << path << ": " << summary.records << " records; " << summary.heads << " heads";
  if (!summary.signer.empty())
    std::cout << ", the newest right one by " << summary.signer << " over "
              << summary.signed_records << " records";
  std::cout << "\n";
  for (const auto& [name, records] : summary.countersigned)
    std::cout << "countersigned by " << escaped(name) << " over " << records << " records\n";
}

// Each fault is a line, so that a script can count them.
Status print_faults(const std::string& path, const AuditSummary& summary,
                    const AuditOptions& options) {
  for (const std::string& fault : summary.faults) std::cout << "wrong: " << escaped(fault) << "\n";
  if (summary.faults_untold > 0)
    std::cout << "wrong: and " << summary.faults_untold << " more that are not told\n";
  if (summary.heads > 0 && summary.signer.empty() && options.crl.empty())
    std::cerr << "no head is signed below this root: is --ca the federation's?\n";
  const std::uint64_t count = summary.faults.size() + summary.faults_untold;
  if (count == 0) return {};
  return make_error(ErrorCode::kDataLoss,
                    path + " proves less than it should: " + std::to_string(count) +
                        (count == 1 ? " fault" : " faults") + ", see above");
}

// "name=value" for each plain value that has no column of its own.
std::string rest_of(const Json& record) {
  std::string text;
  for (const auto& [name, value] : record.items()) {
    if (value.is_structured() || value.is_null() || name == "event" || name == "job" ||
        name == "round" || name == "at_ms" || name == "document") {
      continue;
    }
    std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    if (digest_from_hex(shown)) shown = shown.substr(0, 12);
    if (!shown.empty()) text += (text.empty() ? "" : " ") + name + "=" + shown;
  }
  return text;
}

TableRow row_of(const RecordLine& line, const Json& record) {
  const auto text = [&record](const char* name) {
    const auto found = record.find(name);
    return found != record.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto at = record.find("at_ms");
  const bool has_time = at != record.end() && at->is_number_integer();
  const std::string round = record.contains("round") ? record["round"].dump() : "";
  return {std::to_string(line.number),
          has_time ? format_utc(at->get<std::int64_t>()) : std::string("?"),
          text("event"),
          text("job"),
          round,
          rest_of(record)};
}

}  // namespace

Status audit_verify(const AuditOptions& options) {
  const std::string path = log_path(options.path);
  TRIB_TRY(file, open_log(path));
  TRIB_TRY(trust, read_trust(options));
  TRIB_TRY(kept, read_kept(kept_path(options, path)));
  TRIB_TRY(summary, verify_audit(*file, trust, kept));
  print_summary(path, summary);
  std::cout << (kept
                    ? "compared with a head that was kept\n"
                    : "compared with no head that was kept elsewhere (--kept): a log whose end was "
                      "cut off looks the same\n");
  return print_faults(path, summary, options);
}

Status audit_show(const AuditOptions& options) {
  const std::string path = log_path(options.path);
  TRIB_TRY(file, open_log(path));
  std::vector<TableRow> rows{{"RECORD", "TIME", "EVENT", "JOB", "ROUND", "WHAT"}};
  TRIB_CHECK_OK(read_lines(*file, [&](std::uint64_t byte, std::string_view text, bool) -> Status {
    const auto line = parse_audit_line(text);
    const auto* record = line ? std::get_if<RecordLine>(&*line) : nullptr;
    if (line && record == nullptr) return {};
    Json json = record == nullptr ? Json() : Json::parse(record->json, nullptr, false);
    if (!json.is_object()) {
      return make_error(ErrorCode::kDataLoss, path + ": byte " + std::to_string(byte) +
                                                  " cannot be read; `tributaryctl audit verify` "
                                                  "tells more");
    }
    if (!options.job.empty() && (!json.contains("job") || json["job"] != options.job)) return {};
    if (options.json) {
      json["record"] = record->number;
      std::cout << json.dump(-1, ' ', true) << "\n";
    } else {
      rows.push_back(row_of(*record, json));
    }
    return {};
  }));
  if (!options.json) print_table(std::cout, std::move(rows));
  return {};
}

Status audit_export(const AuditOptions& options) {
  const std::string path = log_path(options.path);
  TRIB_TRY(file, open_log(path));
  TRIB_CHECK_OK(check_place(options.out));
  const auto files = make_file_system();
  const std::string part = options.out + ".part";
  TRIB_TRY(copy, files->open_append(part, 0));
  std::uint64_t lines = 0;
  TRIB_CHECK_OK(read_lines(*file, [&](std::uint64_t, std::string_view text, bool whole) -> Status {
    if (!whole) return {};  // a line that is being written
    ++lines;
    return copy->append(as_bytes(std::string(text) + "\n"));
  }));
  TRIB_CHECK_OK(copy->sync());
  TRIB_CHECK_OK(files->rename(part, options.out));
  std::cout << options.out << ": " << lines << " lines\n";
  return {};
}

}  // namespace tributary
