// SPDX-License-Identifier: Apache-2.0
// Which files make up a dataset of one file a row, and what each one's label is: a folder with a
// folder for each class, or an index, a CSV file with a path and a label in each row. Inside this
// room only. Plain functions, any thread. It opens none of the files.
#pragma once

#include <string>
#include <vector>

#include "client/data/loader.h"

namespace tributary {

struct ListedFile {
  std::string path;
  double label = 0.0;     // the class, or the target of a regression
  std::string mask = {};  // path of the picture with its labels, where the job labels pixels
};

struct FileListing {
  std::string folder;
  std::string index;  // empty: a folder for each class
  std::string path_column, label_column;
  // Ends of the names that count in a folder, in small letters; empty: all but hidden ones.
  std::vector<std::string> endings;
  bool labelled = true;  // false: all files below the folder, whose labels stand within them
};

// In the order of their paths, or of the index. Errors name no path; a row of the index with a
// label that is none is a faulty record.
Result<std::vector<ListedFile>> list_files(const FileListing& listing, const DataSpec& spec,
                                           LoadContext& context);

}  // namespace tributary
