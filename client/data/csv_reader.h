// SPDX-License-Identifier: Apache-2.0
// Files of separated values, plain or .gz, row by row, so that a fault names its line. Inside this
// room only. Plain functions, any thread. What the cells mean is the caller's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client/data/loader.h"

namespace tributary {

struct CsvFormat {
  std::string path;
  std::string delimiter = ",";     // one character, "tab", or "blanks": one or more of them
  bool quotes = true;              // RFC 4180; false: a quote is a character like others
  std::string encoding = "utf-8";  // or latin-1, windows-1252
  bool header = true;
  std::vector<std::string> columns = {};  // their names where there is no header
};
// Of a loader's options, but for the path.
CsvFormat csv_format(const OptionMap& options);

struct CsvSink {
  // The columns' names, before the first row.
  std::function<Status(const std::vector<std::string>& names)> columns;
  // kInvalidArgument: a faulty record; other errors end the reading.
  std::function<Status(const std::vector<std::string>& cells)> row;
};

// The error names no path, no line and no cell; the context takes the first two.
Status read_csv(const CsvFormat& format, const CsvSink& sink, LoadContext& context);

}  // namespace tributary
