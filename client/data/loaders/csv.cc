// SPDX-License-Identifier: Apache-2.0
// Tables of comma-separated values (RFC 4180, any one-character delimiter, plain or .gz), read in
// steps through libcsv, line by line so that a fault names its line.
#include <csv.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "client/data/input_file.h"
#include "client/data/loader.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

struct Reader {
  TableBuilder builder;
  bool header = true;
  std::vector<std::string> names;  // of the columns, where there is no header
  std::string path;
  std::string* local_detail;
  std::vector<std::string> cells = {};
  std::uint64_t line = 1;      // being read
  std::uint64_t row_line = 0;  // in which the last whole row ended
  bool started = false;
  std::optional<Error> failure = {};

  // `text`: more of it, for this site's eyes only. No cell: also the site's own log is no place for
  // a record.
  void fail(Error error, const std::string& text) {
    if (failure) return;
    *local_detail = path + ", line " + std::to_string(line) + ": " + error.message +
                    (text.empty() ? "" : ": " + text);
    failure = make_error(error.code, error.message + " (the place is in this site's log)");
  }
  void end_row() {
    row_line = line;
    if (failure) return;
    if (!started) {
      started = true;
      if (header) names = cells;
      if (Status placed = builder.set_columns(names); !placed)
        return fail(placed.error(), columns_text());
      if (header) return;
    }
    if (const Status added = builder.add_row(cells); !added) fail(added.error(), "");
  }
  // A first line that should name the columns may be a record: its words are not told.
  std::string columns_text() const {
    const std::string count = std::to_string(names.size());
    if (!header) return "the dataset's columns names " + count;
    return "the first line names " + count +
           " columns; where it is a record already, set header: false and columns";
  }
};

// No exception may pass through libcsv, which is C.
template <typename Action>
void guarded(Reader& reader, Action action) {
  try {
    action();
  } catch (const std::bad_alloc&) {
    reader.failure =
        make_error(ErrorCode::kResourceExhausted, "the dataset does not fit in memory");
  }
}

void on_cell(void* bytes, std::size_t size, void* data) {
  auto& reader = *static_cast<Reader*>(data);
  guarded(reader, [&] {
    if (reader.cells.size() >= limits::kColumnsMax) {
      return reader.fail(
          make_error(ErrorCode::kResourceExhausted,
                     "a row has more than " + std::to_string(limits::kColumnsMax) + " cells"),
          "");
    }
    reader.cells.emplace_back(static_cast<const char*>(bytes), bytes == nullptr ? 0 : size);
  });
}

void on_row(int, void* data) {
  auto& reader = *static_cast<Reader*>(data);
  guarded(reader, [&] {
    reader.end_row();
    reader.cells.clear();
  });
}

void fail_grammar(Reader& reader, const char* what) {
  reader.fail(make_error(ErrorCode::kInvalidArgument, std::string("the file is no CSV: ") + what),
              "the last whole row ends in line " + std::to_string(reader.row_line));
}

void parse_block(csv_parser& parser, std::string_view block, Reader& reader) {
  while (!block.empty() && !reader.failure) {
    const std::string_view line = block.substr(0, block.find('\n') + 1);
    const std::string_view piece = line.empty() ? block : line;
    if (csv_parse(&parser, piece.data(), piece.size(), &on_cell, &on_row, &reader) !=
        piece.size()) {
      return fail_grammar(reader, "a quote stands inside a cell");
    }
    if (csv_get_buffer_size(&parser) > limits::kCsvFieldBytesMax) {
      return fail_grammar(reader, "a cell is over 1 MiB; a quote may not end");
    }
    if (!line.empty()) ++reader.line;
    block.remove_prefix(piece.size());
  }
}

Status parse(InputFile& file, char delimiter, Reader& reader) {
  csv_parser parser;
  if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
    return make_error(ErrorCode::kInternal, "libcsv failed");
  csv_set_delim(&parser, static_cast<unsigned char>(delimiter));
  const std::unique_ptr<csv_parser, void (*)(csv_parser*)> guard(&parser, &csv_free);
  std::array<std::byte, 1u << 16> buffer{};
  std::uint64_t bytes = 0;
  for (std::size_t got = buffer.size(); got == buffer.size() && !reader.failure;) {
    auto read = file.read(buffer);
    if (!read) {
      reader.fail(std::move(read).error().with_context("the site's data file"), "");
      break;
    }
    got = *read;
    std::string_view block = as_text(ByteView(buffer).first(got));
    // A byte order mark stands at the start of files from spreadsheets.
    if (bytes == 0 && block.starts_with("\xef\xbb\xbf")) block.remove_prefix(3);
    bytes += got;
    if (bytes > limits::kDatasetBytesMax) {
      reader.fail(make_error(ErrorCode::kResourceExhausted, "the site's data file is over 64 GiB"),
                  "");
    }
    parse_block(parser, block, reader);
  }
  if (!reader.failure && csv_fini(&parser, &on_cell, &on_row, &reader) != 0) {
    fail_grammar(reader, "a quote does not end");
  }
  return reader.failure ? Status{*reader.failure} : Status{};
}

Result<Table> load_table(const std::string& path, const OptionMap& options, const DataSpec& spec,
                         std::string& local_detail) {
  const std::string& delimiter = option<std::string>(options, "delimiter");
  if (delimiter.size() != 1 || std::string_view("\"\r\n").find(delimiter[0]) != std::string::npos) {
    return data_error(local_detail, "the site's csv delimiter is not one character that can be one",
                      path);
  }
  auto file = InputFile::open(path);
  if (!file) {
    local_detail = path + ": " + file.error().message;
    return std::move(file).error().with_context("the site's data file");
  }
  Reader reader{TableBuilder(spec, option<std::vector<std::string>>(options, "missing")),
                option<bool>(options, "header"),
                option<std::vector<std::string>>(options, "columns"), path, &local_detail};
  TRIB_CHECK_OK(parse(*file, delimiter.front(), reader));
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
  TRIB_TRY(rows, load_table(option<std::string>(options, "path"), options, spec, local_detail));
  raw.rows = std::move(rows);
  if (const std::string& path = option<std::string>(options, "validation_path"); !path.empty()) {
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
