// SPDX-License-Identifier: Apache-2.0
#include <libpq-fe.h>

#include <fstream>
#include <memory>

#include "client/data/sql_source.h"

namespace tributary {
namespace {

constexpr const char* kFetch = "FETCH FORWARD 1000 FROM tributary_rows";
constexpr const char* kBegin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
constexpr const char* kConnectSeconds = "15";

using Connection = std::unique_ptr<PGconn, void (*)(PGconn*)>;
using Answer = std::unique_ptr<PGresult, void (*)(PGresult*)>;

Error fault(LoadContext& context, const std::string& what) {
  return data_error(context, "the site's database cannot be queried", "PostgreSQL: " + what);
}

Result<std::string> password_of(const std::string& path, LoadContext& context) {
  std::ifstream file(path);
  std::string password;
  if (!std::getline(file, password)) return fault(context, path + " has no password to read");
  while (password.ends_with('\r')) password.pop_back();
  return password;
}

// What is in `connection`, and what we say ourselves; a password stands in a file of its own.
struct Parameters {
  std::vector<std::string> names, values;

  void set(std::string name, std::string value) {
    names.push_back(std::move(name));
    values.push_back(std::move(value));
  }
};

Result<Parameters> parameters_of(const PostgresAccess& access, LoadContext& context) {
  char* words = nullptr;
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
      PQconninfoParse(access.connection.c_str(), &words), &PQconninfoFree);
  // libpq's words may hold a part of the text, so of a password that should not be there.
  PQfreemem(words);
  if (!options) return fault(context, "connection is not as libpq wants it");
  Parameters all;
  all.set("connect_timeout", kConnectSeconds);
  for (const PQconninfoOption* at = options.get(); at->keyword != nullptr; ++at) {
    if (at->val == nullptr || *at->val == '\0') continue;
    if (std::string_view(at->keyword) == "password")
      return fault(context, "connection has a password: put it into a file, as password_file");
    all.set(at->keyword, at->val);
  }
  if (!access.password_file.empty()) {
    TRIB_TRY(password, password_of(access.password_file, context));
    all.set("password", std::move(password));
  }
  all.set("client_encoding", "UTF8");
  all.set("application_name", "tributary");
  return all;
}

Result<Connection> connect(const PostgresAccess& access, LoadContext& context) {
  TRIB_TRY(parameters, parameters_of(access, context));
  std::vector<const char*> names, values;
  for (const std::string& name : parameters.names) names.push_back(name.c_str());
  for (const std::string& value : parameters.values) values.push_back(value.c_str());
  names.push_back(nullptr);
  values.push_back(nullptr);
  Connection connection(PQconnectdbParams(names.data(), values.data(), 0), &PQfinish);
  if (PQstatus(connection.get()) == CONNECTION_OK) return connection;
  std::string words = PQerrorMessage(connection.get());
  while (words.ends_with('\n')) words.pop_back();
  return fault(context, words);
}

// The server's words on a row may hold a value of it ("invalid input syntax"): of those only the
// code is kept. Class 42 is about the query and names of tables.
std::string words_of(const PGresult* answer, const PGconn* connection) {
  const char* state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  if (state == nullptr) return PQerrorMessage(connection);
  std::string words = std::string("SQLSTATE ") + state;
  const char* primary = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
  const std::string_view kind = std::string_view(state).substr(0, 2);
  if (primary != nullptr && (kind == "42" || kind == "25" || kind == "28"))
    words += std::string(": ") + primary;
  return words;
}

// The extended protocol takes a single statement, whatever the text says.
Result<Answer> ask(PGconn* connection, const std::string& statement, LoadContext& context) {
  Answer answer(PQexecParams(connection, statement.c_str(), 0, nullptr, nullptr, nullptr, nullptr,
                             /*resultFormat=*/0),
                &PQclear);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return answer;
  return fault(context, words_of(answer.get(), connection));
}

std::vector<std::string> names_of(const PGresult* answer) {
  std::vector<std::string> names;
  for (int i = 0; i < PQnfields(answer); ++i) names.emplace_back(PQfname(answer, i));
  return names;
}

SqlRow row_of(const PGresult* answer, int number) {
  SqlRow row;
  for (int i = 0; i < PQnfields(answer); ++i) {
    if (PQgetisnull(answer, number, i) != 0) {
      row.emplace_back();
    } else {
      row.emplace_back(std::string(PQgetvalue(answer, number, i),
                                   static_cast<std::size_t>(PQgetlength(answer, number, i))));
    }
  }
  return row;
}

}  // namespace

Status read_postgres(const PostgresAccess& access, const std::string& query, const SqlSink& sink,
                     LoadContext& context) {
  auto select = single_select(query);
  if (!select) return fault(context, select.error().message);
  TRIB_TRY(connection, connect(access, context));
  TRIB_CHECK_OK(ask(connection.get(), kBegin, context));
  // A cursor is declared for a SELECT or VALUES and nothing else.
  TRIB_CHECK_OK(
      ask(connection.get(), "DECLARE tributary_rows NO SCROLL CURSOR FOR " + *select, context));
  std::uint64_t number = 0;
  for (bool first = true;; first = false) {
    TRIB_TRY(rows, ask(connection.get(), kFetch, context));
    if (first) {
      if (Status placed = sink.columns(names_of(rows.get())); !placed) {
        context.local_detail = "PostgreSQL: " + placed.error().message;
        return placed;
      }
    }
    if (PQntuples(rows.get()) == 0) break;
    for (int i = 0; i < PQntuples(rows.get()); ++i) {
      Status added = sink.row(row_of(rows.get(), i));
      ++number;
      if (added) continue;
      const std::string detail =
          "PostgreSQL, row " + std::to_string(number) + " of the query: " + added.error().message;
      if (added.error().code != ErrorCode::kInvalidArgument) {
        context.local_detail = detail;
        return added;
      }
      TRIB_CHECK_OK(context.faulty_record(std::move(added).error(), detail));
    }
  }
  TRIB_CHECK_OK(ask(connection.get(), "COMMIT", context));
  return {};
}

}  // namespace tributary
