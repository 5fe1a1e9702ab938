// SPDX-License-Identifier: Apache-2.0
// Tables of separated values: CSV (RFC 4180), TSV, columns parted by blanks; plain or .gz.
#include "client/data/csv_reader.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

Result<Table> load_table(const std::string& path, const OptionMap& options, const DataSpec& spec,
                         LoadContext& context) {
  CsvFormat format = csv_format(options);
  format.path = path;
  TableBuilder builder(spec, option<std::vector<std::string>>(options, "missing"));
  const CsvSink sink{
      [&builder](const std::vector<std::string>& names) { return builder.set_columns(names); },
      [&builder](const std::vector<std::string>& cells) { return builder.add_row(cells); }};
  TRIB_CHECK_OK(read_csv(format, sink, context));
  return builder.take();
}

Result<RawData> load(const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  if (spec.features.empty()) {
    return data_error(context, "the job wants arrays, the site's dataset is a table",
                      "loader: csv");
  }
  RawData raw;
  TRIB_TRY(rows, load_table(option<std::string>(options, "path"), options, spec, context));
  raw.rows = std::move(rows);
  if (const std::string& path = option<std::string>(options, "validation_path"); !path.empty()) {
    TRIB_TRY(validation, load_table(path, options, spec, context));
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
