// SPDX-License-Identifier: Apache-2.0
#include "client/data/csv_reader.h"

#include <csv.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "client/data/input_file.h"
#include "client/data/text_encoding.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

// One file being read: lines go in, rows come out at the sink.
class Reader {
 public:
  Reader(const CsvFormat& format, const CsvSink& sink, LoadContext& context)
      : format_(format), sink_(sink), context_(context) {}
  virtual ~Reader() = default;

  // A line with its end, or what came of it; a row may need several.
  virtual void piece(std::string_view text) = 0;
  virtual void end_of_file() = 0;

  void block(std::string_view text);
  void add_cell(std::string_view cell);
  void end_row();
  void fail_file(Error error, const std::string& more);
  void fail_record(Error error, const std::string& more);

  const std::optional<Error>& failure() const { return failure_; }
  bool started() const { return started_; }

 protected:
  void drop_row() { cells_.clear(); }
  void fail_grammar(const char* what);
  const CsvFormat& format() const { return format_; }
  std::string last_row() const {
    return "the last whole row ends in line " + std::to_string(row_line_);
  }

 private:
  void take_row();
  std::string place(const Error& error, const std::string& more) const;
  std::string columns_text(std::size_t count) const;

  const CsvFormat& format_;
  const CsvSink& sink_;
  LoadContext& context_;
  std::vector<std::string> cells_;
  std::uint64_t line_ = 1;      // being read
  std::uint64_t row_line_ = 0;  // in which the last whole row ended
  bool started_ = false;
  std::optional<Error> failure_;
};

// `more` is for this site's eyes only. No cell: also the site's own log is no place for a record.
std::string Reader::place(const Error& error, const std::string& more) const {
  return format_.path + ", line " + std::to_string(line_) + ": " + error.message +
         (more.empty() ? "" : ": " + more);
}

char delimiter_of(const CsvFormat& format) {
  return format.delimiter == "tab" ? '\t' : format.delimiter.front();
}

Error told(Error error) {
  return make_error(error.code, error.message + " (the place is in this site's log)");
}

void Reader::fail_file(Error error, const std::string& more) {
  if (failure_) return;
  context_.local_detail = place(error, more);
  failure_ = told(std::move(error));
}

void Reader::fail_record(Error error, const std::string& more) {
  if (failure_) return;
  const std::string where = place(error, more);
  if (Status passed = context_.faulty_record(told(std::move(error)), where); !passed)
    failure_ = std::move(passed).error();
}

// A first line that should name the columns may be a record: its words are not told.
std::string Reader::columns_text(std::size_t count) const {
  if (!format_.header) return "the dataset's columns names " + std::to_string(count);
  return "the first line names " + std::to_string(count) +
         " columns; where it is a record already, set header: false and columns";
}

void Reader::end_row() {
  take_row();
  drop_row();
}

void Reader::take_row() {
  row_line_ = line_;
  if (failure_) return;
  if (!started_) {
    started_ = true;
    const std::vector<std::string>& names = format_.header ? cells_ : format_.columns;
    if (Status placed = sink_.columns(names); !placed)
      return fail_file(std::move(placed).error(), columns_text(names.size()));
    if (format_.header) return;
  }
  Status added = sink_.row(cells_);
  if (added) return;
  if (added.error().code == ErrorCode::kInvalidArgument)
    return fail_record(std::move(added).error(), "");
  fail_file(std::move(added).error(), "");
}

Error no_csv(const char* what) {
  return make_error(ErrorCode::kInvalidArgument, std::string("the file is no CSV: ") + what);
}

// No line can be told from the next any more: that is no fault of one record.
void Reader::fail_grammar(const char* what) { fail_file(no_csv(what), last_row()); }

void Reader::add_cell(std::string_view cell) {
  if (cells_.size() < limits::kColumnsMax) {
    cells_.emplace_back(cell);
    return;
  }
  fail_file(make_error(ErrorCode::kResourceExhausted,
                       "a row has more than " + std::to_string(limits::kColumnsMax) + " cells"),
            "");
}

void Reader::block(std::string_view text) {
  while (!text.empty() && !failure_) {
    const std::size_t end = text.find('\n');
    const bool whole = end != std::string_view::npos;
    const std::string_view line = whole ? text.substr(0, end + 1) : text;
    piece(line);
    if (whole) ++line_;
    text.remove_prefix(line.size());
  }
}

// No exception may pass through libcsv, which is C.
template <typename Action>
void guarded(Reader& reader, Action action) {
  try {
    action();
  } catch (const std::bad_alloc&) {
    reader.fail_file(
        make_error(ErrorCode::kResourceExhausted, "the dataset does not fit in memory"), "");
  }
}

void on_cell(void* bytes, std::size_t size, void* data) {
  auto& reader = *static_cast<Reader*>(data);
  guarded(reader, [&] {
    reader.add_cell({static_cast<const char*>(bytes), bytes == nullptr ? 0 : size});
  });
}

void on_row(int, void* data) {
  auto& reader = *static_cast<Reader*>(data);
  guarded(reader, [&] { reader.end_row(); });
}

// RFC 4180, through libcsv.
class QuotedReader final : public Reader {
 public:
  QuotedReader(const CsvFormat& format, const CsvSink& sink, LoadContext& context)
      : Reader(format, sink, context) {
    restart();
  }

  void piece(std::string_view text) override;
  void end_of_file() override;

 private:
  static void free_parser(csv_parser* parser) {
    csv_free(parser);
    delete parser;
  }
  void restart();

  std::unique_ptr<csv_parser, void (*)(csv_parser*)> parser_{nullptr, &free_parser};
  bool passing_over_ = false;  // the rest of a line whose beginning is faulty
};

void QuotedReader::restart() {
  auto fresh = std::make_unique<csv_parser>();
  if (csv_init(fresh.get(), CSV_STRICT | CSV_STRICT_FINI) != 0)
    return fail_file(make_error(ErrorCode::kInternal, "libcsv failed"), "");
  csv_set_delim(fresh.get(), static_cast<unsigned char>(delimiter_of(format())));
  parser_.reset(fresh.release());
}

void QuotedReader::piece(std::string_view text) {
  const bool ends = text.ends_with('\n');
  if (passing_over_) {
    passing_over_ = !ends;
    return;
  }
  if (csv_parse(parser_.get(), text.data(), text.size(), &on_cell, &on_row,
                static_cast<Reader*>(this)) != text.size()) {
    fail_record(no_csv("a quote stands inside a cell"), last_row());
    passing_over_ = !ends;
    drop_row();
    return restart();
  }
  if (csv_get_buffer_size(parser_.get()) > limits::kCsvFieldBytesMax)
    fail_grammar("a cell is over 1 MiB; a quote may not end");
}

void QuotedReader::end_of_file() {
  if (csv_fini(parser_.get(), &on_cell, &on_row, static_cast<Reader*>(this)) != 0)
    fail_grammar("a quote does not end");
}

// Every end of a line ends a row, and nothing else does.
class PlainReader final : public Reader {
 public:
  using Reader::Reader;

  void piece(std::string_view text) override;
  void end_of_file() override { end_line(); }

 private:
  void split_at_blanks(std::string_view rest);
  void end_line();

  std::string line_;
};

void PlainReader::piece(std::string_view text) {
  if (line_.size() + text.size() > limits::kCsvFieldBytesMax)
    return fail_grammar("a line is over 1 MiB");
  line_ += text;
  if (text.ends_with('\n')) end_line();
}

void PlainReader::split_at_blanks(std::string_view rest) {
  for (;;) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (rest.empty()) return;
    const std::size_t size = std::min(rest.find_first_of(" \t"), rest.size());
    add_cell(rest.substr(0, size));
    rest.remove_prefix(size);
  }
}

void PlainReader::end_line() {
  while (line_.ends_with('\n') || line_.ends_with('\r')) line_.pop_back();
  if (line_.find_first_not_of(" \t") != std::string::npos) {
    std::string_view rest = line_;
    if (format().delimiter == "blanks") {
      split_at_blanks(rest);
    } else {
      for (std::size_t end = 0; end != std::string_view::npos;) {
        end = rest.find(delimiter_of(format()));
        add_cell(rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      }
    }
    end_row();
  }
  line_.clear();
}

std::unique_ptr<Reader> reader_of(const CsvFormat& format, const CsvSink& sink,
                                  LoadContext& context) {
  if (format.quotes && format.delimiter != "blanks")
    return std::make_unique<QuotedReader>(format, sink, context);
  return std::make_unique<PlainReader>(format, sink, context);
}

// A byte order mark stands at the start of files from spreadsheets.
void take_mark(std::string_view& block, Reader& reader) {
  if (block.starts_with("\xef\xbb\xbf")) block.remove_prefix(3);
  if (block.starts_with("\xff\xfe") || block.starts_with("\xfe\xff")) {
    reader.fail_file(
        make_error(ErrorCode::kInvalidArgument, "the file is UTF-16: save it as UTF-8"), "");
  }
}

void read_all(InputFile& file, Reader& reader, TextEncoding encoding) {
  std::array<std::byte, 1u << 16> buffer{};
  std::uint64_t bytes = 0;
  for (std::size_t got = buffer.size(); got == buffer.size() && !reader.failure();) {
    auto read = file.read(buffer);
    if (!read)
      return reader.fail_file(std::move(read).error().with_context("the site's data file"), "");
    got = *read;
    std::string_view block = as_text(ByteView(buffer).first(got));
    if (bytes == 0) take_mark(block, reader);
    bytes += got;
    if (bytes > limits::kDatasetBytesMax) {
      return reader.fail_file(
          make_error(ErrorCode::kResourceExhausted, "the site's data file is over 64 GiB"), "");
    }
    if (encoding == TextEncoding::kUtf8) {
      reader.block(block);
    } else {
      reader.block(to_utf8(block, encoding));
    }
  }
  if (!reader.failure()) reader.end_of_file();
}

}  // namespace

CsvFormat csv_format(const OptionMap& options) {
  CsvFormat format;
  format.delimiter = option_or<std::string>(options, "delimiter", ",");
  format.quotes = option_or(options, "quotes", true);
  format.encoding = option_or<std::string>(options, "encoding", "utf-8");
  format.header = option_or(options, "header", true);
  format.columns = option_or(options, "columns", std::vector<std::string>{});
  return format;
}

Status read_csv(const CsvFormat& format, const CsvSink& sink, LoadContext& context) {
  const std::string& delimiter = format.delimiter;
  const bool one = delimiter.size() == 1 &&
                   std::string_view("\"\r\n").find(delimiter[0]) == std::string_view::npos;
  if (!one && delimiter != "tab" && delimiter != "blanks") {
    return data_error(
        context, "the site's csv delimiter is not one character that can be one, tab or blanks",
        format.path);
  }
  auto file = InputFile::open(format.path);
  if (!file) {
    context.local_detail = format.path + ": " + file.error().message;
    return std::move(file).error().with_context("the site's data file");
  }
  const std::unique_ptr<Reader> reader = reader_of(format, sink, context);
  read_all(*file, *reader, text_encoding(format.encoding));
  if (reader->failure()) return *reader->failure();
  if (!reader->started())
    return data_error(context, "the site's data file is empty", format.path + " is empty");
  return {};
}

}  // namespace tributary
