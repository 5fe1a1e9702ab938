// SPDX-License-Identifier: Apache-2.0
// Tables of comma-separated values (RFC 4180, any one-character delimiter), read in steps through
// libcsv.
#include <csv.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>

#include "client/data/loader.h"
#include "common/base/limits.h"
#include "common/base/text.h"

namespace tributary {
namespace {

struct Reader {
  TableBuilder builder;
  bool header = true;
  std::vector<std::string> names;  // of the columns, where there is no header
  std::string path;
  std::string* local_detail;
  std::vector<std::string> cells = {};
  std::uint64_t line = 0;  // of the row just ended; embedded line ends count as one row
  bool started = false;
  std::optional<Error> failure = {};

  void fail(Error error) {
    if (failure) return;
    *local_detail =
        path + ", row " + std::to_string(line) + ": " + error.message + "; the row: " + row_text();
    failure = make_error(error.code, error.message + " (the place is in this site's log)");
  }
  std::string row_text() const {
    std::string text;
    for (const std::string& cell : cells) text += (text.empty() ? "" : " | ") + cell;
    return tributary::quoted(text, 400);
  }
  void end_row() {
    ++line;
    if (failure) return;
    if (!started) {
      started = true;
      if (header) names = cells;
      if (Status placed = builder.set_columns(names); !placed) return fail(placed.error());
      if (header) return;
    }
    if (const auto added = builder.add_row(cells); !added) fail(added.error());
  }
};

void on_cell(void* bytes, std::size_t size, void* reader) {
  auto& self = *static_cast<Reader*>(reader);
  std::string cell(static_cast<const char*>(bytes), bytes == nullptr ? 0 : size);
  // A byte order mark stands in front of the first cell of files from spreadsheets.
  if (self.line == 0 && self.cells.empty() && cell.starts_with("\xef\xbb\xbf")) cell.erase(0, 3);
  if (self.cells.size() >= limits::kColumnsMax) {
    return self.fail(make_error(ErrorCode::kResourceExhausted, "a row has too many cells"));
  }
  self.cells.push_back(std::move(cell));
}

void on_row(int, void* reader) {
  auto& self = *static_cast<Reader*>(reader);
  self.end_row();
  self.cells.clear();
}

Status parse(std::istream& in, char delimiter, Reader& reader) {
  csv_parser parser;
  if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
    return make_error(ErrorCode::kInternal, "libcsv failed");
  csv_set_delim(&parser, static_cast<unsigned char>(delimiter));
  const std::unique_ptr<csv_parser, void (*)(csv_parser*)> guard(&parser, &csv_free);
  std::array<char, 1u << 16> step{};
  bool good = true;
  while (good && !reader.failure) {
    in.read(step.data(), step.size());
    const auto got = static_cast<std::size_t>(in.gcount());
    if (got == 0) break;
    good = csv_parse(&parser, step.data(), got, &on_cell, &on_row, &reader) == got;
  }
  if (!reader.failure && (!good || csv_fini(&parser, &on_cell, &on_row, &reader) != 0)) {
    reader.fail(make_error(ErrorCode::kInvalidArgument,
                           "the file is no CSV: a quote does not end, or stands inside a cell"));
  }
  return reader.failure ? Status{*reader.failure} : Status{};
}

Result<Table> load_table(const std::string& path, const OptionMap& options, const DataSpec& spec,
                         std::string& local_detail) {
  const std::string& delimiter = text_of(options, "delimiter");
  if (delimiter.size() != 1) {
    return data_error(local_detail, "the site's csv delimiter is not one character", path);
  }
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return data_error(local_detail, "the site's data file cannot be opened", "cannot open " + path);
  Reader reader{TableBuilder(spec, std::get<std::vector<std::string>>(options.at("missing"))),
                std::get<bool>(options.at("header")),
                std::get<std::vector<std::string>>(options.at("columns")), path, &local_detail};
  TRIB_CHECK_OK(parse(in, delimiter.front(), reader));
  if (!reader.started)
    return data_error(local_detail, "the site's data file is empty", path + " is empty");
  return reader.builder.take();
}

Result<RawData> load(const OptionMap& options, const DataSpec& spec, std::string& local_detail) {
  if (spec.features.empty()) {
    return data_error(local_detail, "the job wants arrays, the site's dataset is a table",
                      "loader: csv");
  }
  RawData raw;
  TRIB_TRY(rows, load_table(text_of(options, "path"), options, spec, local_detail));
  raw.rows = std::move(rows);
  if (const std::string& path = text_of(options, "validation_path"); !path.empty()) {
    TRIB_TRY(validation, load_table(path, options, spec, local_detail));
    raw.separate_validation = true;
    raw.validation = std::move(validation);
  }
  return raw;
}

}  // namespace

const DataLoader& csv_loader() {
  static constexpr DataLoader kLoader{"csv", "A table of text, one row a line", &load};
  return kLoader;
}

}  // namespace tributary
