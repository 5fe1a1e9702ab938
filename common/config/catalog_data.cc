// SPDX-License-Identifier: Apache-2.0
#include "common/config/catalog_options.h"

namespace tributary {

using namespace catalog;

const std::vector<PluginSchema>& data_loaders() {
  static const std::vector<PluginSchema> kLoaders = {
      {"csv",
       "A table of text, one row a line",
       {path("path", std::nullopt, "the file, plain or .gz"),
        path("validation_path", "", "a file of validation rows, instead of validation_fraction"),
        flag("header", true, "whether the first line names the columns"),
        texts("columns", {}, "their names where there is no header"),
        text("delimiter", ",", "one character, such as \";\" or \"\\t\""),
        texts("missing", {"", "?", "NA", "NaN", "nan"},
              "words for a missing value; blanks around a cell do not count")}},
      {"idx",
       "Arrays in the format of MNIST, .gz too",
       {path("images", std::nullopt, "file of the inputs"),
        path("labels", "", "file of the labels; none for data.task: unlabelled"),
        path("validation_images", "", "file of validation inputs, instead of validation_fraction"),
        path("validation_labels", "", "file of validation labels")}},
      {"npz",
       "NumPy arrays in one .npz file",
       {path("path", std::nullopt, "of the file"), text("inputs", "inputs", "array of the inputs"),
        text("labels", "labels", "array of the labels; not read for data.task: unlabelled"),
        text("validation_inputs", "", "array of validation inputs, instead of validation_fraction"),
        text("validation_labels", "", "array of validation labels")}}};
  return kLoaders;
}

}  // namespace tributary
