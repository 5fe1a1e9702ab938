// SPDX-License-Identifier: Apache-2.0
// Tables that a query gives, from an SQLite file or a PostgreSQL server.
#include "client/data/sql_source.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Stands for NULL, beside the words that the site lists; no cell of a database holds it.
const std::string kNull("\0NULL\0", 6);

Result<Table> load_table(const std::string& query, const OptionMap& options, const DataSpec& spec,
                         LoadContext& context) {
  std::vector<std::string> missing = option<std::vector<std::string>>(options, "missing");
  missing.push_back(kNull);
  TableBuilder builder(spec, std::move(missing));
  std::vector<std::string> cells;
  const SqlSink sink{
      [&builder](const std::vector<std::string>& names) { return builder.set_columns(names); },
      [&builder, &cells](const SqlRow& row) {
        cells.clear();
        for (const auto& cell : row) cells.push_back(cell.value_or(kNull));
        return builder.add_row(cells);
      }};
  const std::string& path = option<std::string>(options, "path");
  if (!path.empty()) {
    TRIB_CHECK_OK(read_sqlite(path, query, sink, context));
  } else {
    TRIB_CHECK_OK(read_postgres(
        {option<std::string>(options, "connection"), option<std::string>(options, "password_file")},
        query, sink, context));
  }
  return builder.take();
}

Result<RawData> load(const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  if (spec.features.empty()) {
    return data_error(context, "the job wants arrays, the site's dataset is a table",
                      "loader: sql");
  }
  const bool file = !option<std::string>(options, "path").empty();
  if (file == !option<std::string>(options, "connection").empty()) {
    return data_error(context, "the site's database is not named as it must be",
                      "name path (an SQLite file) or connection (PostgreSQL), and only one of "
                      "the two");
  }
  RawData raw;
  TRIB_TRY(rows, load_table(option<std::string>(options, "query"), options, spec, context));
  raw.rows = std::move(rows);
  const std::string& query = option<std::string>(options, "validation_query");
  if (query.empty()) return raw;
  TRIB_TRY(validation, load_table(query, options, spec, context));
  raw.separate_validation = true;
  raw.validation = std::move(validation);
  return raw;
}

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

}  // namespace

Result<std::string> single_select(const std::string& query) {
  std::string_view text = without_blanks(query);
  if (text.ends_with(';')) text = without_blanks(text.substr(0, text.size() - 1));
  std::string word(text.substr(0, text.find_first_of(" \t\r\n(")));
  for (char& c : word) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (word == "SELECT" || word == "WITH" || word == "VALUES") return std::string(text);
  return make_error(ErrorCode::kInvalidArgument, "the query is not a single SELECT");
}

const DataLoader& sql_loader() {
  static constexpr DataLoader kLoader{"sql", "A table that a query gives", &load};
  return kLoader;
}

}  // namespace tributary
