// SPDX-License-Identifier: Apache-2.0
// Rows that a query gives, from an SQLite file or a PostgreSQL server; either is only read. Inside
// this room only. One thread each. Errors name neither query, place nor value; the context takes
// what a person at the site may see, which is no value either.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/data/loader.h"

namespace tributary {

// Cells as text, none for NULL. Numbers are written so that they are read back the same.
using SqlRow = std::vector<std::optional<std::string>>;

struct SqlSink {
  std::function<Status(const std::vector<std::string>& names)> columns;  // once, before the rows
  // kInvalidArgument: a faulty record; others end the reading.
  std::function<Status(const SqlRow& row)> row;
};

struct PostgresAccess {
  std::string connection;     // libpq's "host=... dbname=..." or URI, without a password
  std::string password_file;  // whose first line is the password; empty: none is needed
};

// One statement that begins with SELECT, WITH or VALUES; without its semicolon.
Result<std::string> single_select(const std::string& query);

Status read_sqlite(const std::string& path, const std::string& query, const SqlSink& sink,
                   LoadContext& context);
// In a read-only transaction, through a cursor: some rows at a time.
Status read_postgres(const PostgresAccess& access, const std::string& query, const SqlSink& sink,
                     LoadContext& context);

}  // namespace tributary
