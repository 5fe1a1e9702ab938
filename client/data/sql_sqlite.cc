// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "client/data/sql_source.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

using Database = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;
using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

// Reading alone. What a query could reach beyond the file's own tables is refused too.
int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  const std::string_view function = second == nullptr ? "" : second;
  const std::string_view table = first == nullptr ? "" : first;
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_READ:
      return table.starts_with("pragma_") ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_FUNCTION:
      return function == "load_extension" ? SQLITE_DENY : SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

Result<std::optional<std::string>> cell_of(sqlite3_stmt* row, int column) {
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
      return std::optional<std::string>();
    case SQLITE_FLOAT: {
      std::array<char, 32> text{};
      const auto [end, error] =
          std::to_chars(text.data(), text.data() + text.size(), sqlite3_column_double(row, column));
      return std::optional(std::string(text.data(), end));
    }
    case SQLITE_BLOB:
      return make_error(ErrorCode::kInvalidArgument,
                        "a cell of the query's result is bytes, no text or number");
    default:
      break;
  }
  const unsigned char* text = sqlite3_column_text(row, column);
  const int size = sqlite3_column_bytes(row, column);
  return std::optional(std::string(reinterpret_cast<const char*>(text),
                                   text == nullptr ? 0 : static_cast<std::size_t>(size)));
}

Status read_row(sqlite3_stmt* at, int columns, const SqlSink& sink) {
  SqlRow row;
  for (int i = 0; i < columns; ++i) {
    TRIB_TRY(cell, cell_of(at, i));
    row.push_back(std::move(cell));
  }
  return sink.row(row);
}

Status read_rows(sqlite3* database, sqlite3_stmt* statement, const std::string& path,
                 const SqlSink& sink, LoadContext& context) {
  const int columns = sqlite3_column_count(statement);
  std::vector<std::string> names;
  for (int i = 0; i < columns; ++i) names.emplace_back(sqlite3_column_name(statement, i));
  if (Status placed = sink.columns(names); !placed) {
    context.local_detail = path + ": " + placed.error().message;
    return placed;
  }
  std::uint64_t number = 0;
  for (;;) {
    const int step = sqlite3_step(statement);
    if (step == SQLITE_DONE) return {};
    // SQLite's own words on a row may hold a value of it; their kind does not.
    if (step != SQLITE_ROW) {
      return data_error(context, "the site's database cannot be read to its end",
                        path + ": " + sqlite3_errstr(sqlite3_extended_errcode(database)));
    }
    const std::string place = path + ", row " + std::to_string(++number) + " of the query";
    Status added = read_row(statement, columns, sink);
    if (added) continue;
    const std::string detail = place + ": " + added.error().message;
    if (added.error().code != ErrorCode::kInvalidArgument) {
      context.local_detail = detail;
      return added;
    }
    TRIB_CHECK_OK(context.faulty_record(std::move(added).error(), detail));
  }
}

}  // namespace

Status read_sqlite(const std::string& path, const std::string& query, const SqlSink& sink,
                   LoadContext& context) {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  const Database database(opened, &sqlite3_close);
  const auto fail = [&](const std::string& what) {
    return data_error(context, "the site's database cannot be queried", path + ": " + what);
  };
  if (code != SQLITE_OK) return fail(sqlite3_errstr(code));
  sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, static_cast<int>(limits::kCsvFieldBytesMax));
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_set_authorizer(opened, &authorize, nullptr);
  auto select = single_select(query);
  if (!select) return fail(select.error().message);
  sqlite3_stmt* prepared = nullptr;
  const char* rest = nullptr;
  const int made = sqlite3_prepare_v2(opened, select->c_str(), static_cast<int>(select->size()),
                                      &prepared, &rest);
  const Statement statement(prepared, &sqlite3_finalize);
  // Its words are on the query and the tables, before any row is read.
  if (made != SQLITE_OK) return fail(sqlite3_errmsg(opened));
  if (prepared == nullptr || sqlite3_stmt_readonly(prepared) == 0 ||
      std::any_of(rest, select->c_str() + select->size(), [](char c) { return c > ' '; }))
    return fail("the query is not a single SELECT");
  return read_rows(opened, prepared, path, sink, context);
}

}  // namespace tributary
