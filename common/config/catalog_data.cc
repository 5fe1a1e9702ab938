// SPDX-License-Identifier: Apache-2.0
#include "common/config/catalog_options.h"

namespace tributary {

using namespace catalog;

namespace {

OptionSchema mask_values() {
  return {"mask_values",
          OptionType::kIntegers,
          OptionValue{Integers{}},
          "a mask's values of class 0, 1 and so on, such as [0, 255]; []: a value is its class",
          {0, 65'535}};
}

// Of loaders with a file for each row.
std::vector<OptionSchema> file_options(std::vector<OptionSchema> more) {
  std::vector<OptionSchema> options = {
      path("path", std::nullopt, "the folder; without an index, one folder in it for each class"),
      path("index", "",
           "a CSV file with a row for each file: its path below the folder, and its label"),
      text("path_column", "path", "column of the index"),
      text("label_column", "label",
           "column of the index; where the job labels pixels, the path of the picture's mask"),
      path("validation_path", "", "a folder of validation files, instead of validation_fraction"),
      path("validation_index", "", "an index of validation files"),
      choice("resize", {"stretch", "letterbox"}, "stretch",
             "to the job's input_shape: each side by itself, or with borders of zeros")};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

// What every loader has beside its own options.
PluginSchema loader(std::string name, std::string help, std::vector<OptionSchema> options) {
  options.push_back(number("faulty_records_max", kBelowOne, 0.0,
                           "the share of all records that may be faulty: they are passed over, "
                           "counted and named in the log; 0: the first one fails the task"));
  return {std::move(name), std::move(help), std::move(options)};
}

PluginSchema csv() {
  return loader(
      "csv", "A table of text, one row a line",
      {path("path", std::nullopt, "the file, plain or .gz"),
       path("validation_path", "", "a file of validation rows, instead of validation_fraction"),
       flag("header", true, "whether the first line names the columns"),
       texts("columns", {}, "their names where there is no header"),
       text("delimiter", ",",
            "one character, such as \";\"; tab; or blanks, for columns parted by one or more "
            "of them"),
       flag("quotes", true,
            "whether cells may stand in quotes (RFC 4180); false: a quote is a character like "
            "others"),
       choice("encoding", {"utf-8", "latin-1", "windows-1252"}, "utf-8", "of the file"),
       texts("missing", {"", "?", "NA", "NaN", "nan"},
             "words for a missing value; blanks around a cell do not count")});
}

PluginSchema dicom() {
  return loader(
      "dicom", "Pictures of DICOM files, one each",
      file_options(
          {choice("window", {"none", "file", "fixed"}, "none",
                  "what becomes 0 to 255: nothing, values stay as the rescale gives them; "
                  "the window of each file; or the one named here"),
           number("window_center", {.min = -100'000, .max = 100'000}, 40.0, "of the fixed window"),
           number("window_width", {.min = 1.0}, 400.0, "of the fixed window"),
           integer("frame", {0, 1'000'000}, 0,
                   "which picture of files with several, from 1; 0: such a file is faulty"),
           text("label_tag", "",
                "the tag that holds the label, such as PatientSex or 0010,0040; then "
                "folders tell no classes"),
           texts("endings", {".dcm"},
                 "of the files' names, in small letters; []: every file counts")}));
}

PluginSchema sql() {
  return loader(
      "sql", "A table that a query gives",
      {path("path", "", "an SQLite file"),
       text("connection", "",
            "or a PostgreSQL server, as libpq writes it: \"host=db dbname=ward user=fl\", "
            "without the password"),
       path("password_file", "", "whose first line is the server's password"),
       required_text("query",
                     "a single SELECT; with ORDER BY, as the split goes by the rows' order"),
       text("validation_query", "", "a SELECT of validation rows, instead of validation_fraction"),
       texts("missing", {"", "?", "NA", "NaN", "nan"}, "words for a missing value, beside NULL")});
}

}  // namespace

const std::vector<PluginSchema>& data_loaders() {
  static const std::vector<PluginSchema> kLoaders = {
      csv(),
      dicom(),
      loader("idx", "Arrays in the format of MNIST, .gz too",
             {path("images", std::nullopt, "file of the inputs"),
              path("labels", "", "file of the labels; none for data.task: unlabelled"),
              path("validation_images", "",
                   "file of validation inputs, instead of validation_fraction"),
              path("validation_labels", "", "file of validation labels")}),
      loader("images", "Pictures, PNG and JPEG, a file each",
             file_options({mask_values(),
                           integer("mask_ignored", {-1, 65'535}, -1,
                                   "a mask's value that is no class and counts for nothing")})),
      loader("npy", "NumPy arrays in .npy files, .gz too",
             {path("inputs", std::nullopt, "file of the inputs"),
              path("labels", "", "file of the labels; none where the job wants none"),
              path("validation_inputs", "",
                   "file of validation inputs, instead of validation_fraction"),
              path("validation_labels", "", "file of validation labels")}),
      loader("npz", "NumPy arrays in one .npz file",
             {path("path", std::nullopt, "of the file"),
              text("inputs", "inputs", "array of the inputs"),
              text("labels", "labels", "array of the labels; not read for data.task: unlabelled"),
              text("validation_inputs", "",
                   "array of validation inputs, instead of validation_fraction"),
              text("validation_labels", "", "array of validation labels")}),
      sql()};
  return kLoaders;
}

}  // namespace tributary
