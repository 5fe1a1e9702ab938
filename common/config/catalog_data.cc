// SPDX-License-Identifier: Apache-2.0
#include "common/config/catalog_options.h"

namespace tributary {

using namespace catalog;

namespace {

// What every loader has beside its own options.
PluginSchema loader(std::string name, std::string help, std::vector<OptionSchema> options) {
  options.push_back(number("faulty_records_max", kBelowOne, 0.0,
                           "the share of all records that may be faulty: they are passed over, "
                           "counted and named in the log; 0: the first one fails the task"));
  return {std::move(name), std::move(help), std::move(options)};
}

}  // namespace

const std::vector<PluginSchema>& data_loaders() {
  static const std::vector<PluginSchema> kLoaders = {
      loader(
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
                 "words for a missing value; blanks around a cell do not count")}),
      loader("idx", "Arrays in the format of MNIST, .gz too",
             {path("images", std::nullopt, "file of the inputs"),
              path("labels", std::nullopt, "file of the labels"),
              path("validation_images", "",
                   "file of validation inputs, instead of validation_fraction"),
              path("validation_labels", "", "file of validation labels")}),
      loader("npy", "NumPy arrays in .npy files, .gz too",
             {path("inputs", std::nullopt, "file of the inputs"),
              path("labels", "", "file of the labels; none where the job wants none"),
              path("validation_inputs", "",
                   "file of validation inputs, instead of validation_fraction"),
              path("validation_labels", "", "file of validation labels")}),
      loader("npz", "NumPy arrays in one .npz file",
             {path("path", std::nullopt, "of the file"),
              text("inputs", "inputs", "array of the inputs"),
              text("labels", "labels", "array of the labels"),
              text("validation_inputs", "",
                   "array of validation inputs, instead of validation_fraction"),
              text("validation_labels", "", "array of validation labels")})};
  return kLoaders;
}

}  // namespace tributary
