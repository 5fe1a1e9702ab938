// SPDX-License-Identifier: Apache-2.0
#include "client/data/file_listing.h"

#include <algorithm>
#include <filesystem>

#include "client/data/cells.h"
#include "client/data/csv_reader.h"

namespace tributary {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool counts(const fs::path& path, const FileListing& listing) {
  if (is_hidden(path)) return false;
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return listing.endings.empty() || std::ranges::count(listing.endings, ending) > 0;
}

Error no_folder(LoadContext& context, const std::string& folder, const std::string& why) {
  return data_error(context, "the folder of the site's dataset cannot be read",
                    folder + ": " + why);
}

// Paths of all files below the folder, sorted.
Result<std::vector<std::string>> files_below(const std::string& folder, const FileListing& listing,
                                             LoadContext& context) {
  std::vector<std::string> paths;
  std::error_code failed;
  fs::recursive_directory_iterator at(folder, failed);
  for (; !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored) && counts(at->path(), listing))
      paths.push_back(at->path().string());
  }
  if (failed) return no_folder(context, folder, failed.message());
  std::ranges::sort(paths);
  return paths;
}

Result<std::vector<std::string>> folders_in(const std::string& folder, LoadContext& context) {
  std::vector<std::string> names;
  std::error_code failed;
  fs::directory_iterator at(folder, failed);
  for (; !failed && at != fs::directory_iterator(); at.increment(failed)) {
    std::error_code ignored;
    if (at->is_directory(ignored) && !is_hidden(at->path()))
      names.push_back(at->path().filename().string());
  }
  if (failed) return no_folder(context, folder, failed.message());
  std::ranges::sort(names);
  return names;
}

// Without names the number of folders says whether a site has them all: with one missing the
// classes behind it would be others than elsewhere.
Status check_classes(const std::vector<std::string>& names, const FileListing& listing,
                     const DataSpec& spec, LoadContext& context) {
  const std::int64_t classes = spec.target == TargetKind::kBinary ? 2 : spec.classes;
  if (spec.target != TargetKind::kBinary && spec.target != TargetKind::kClasses) {
    return data_error(context, "folders tell classes, and the job wants other labels",
                      listing.folder + ": give the dataset an index");
  }
  if (spec.label_values.empty() && std::ssize(names) != classes) {
    return data_error(context,
                      "the site's dataset has " + std::to_string(names.size()) +
                          " folders, the job " + std::to_string(classes) +
                          " classes; where sites lack some, name the folders in data.label.values",
                      listing.folder + " has " + std::to_string(names.size()) + " folders");
  }
  return {};
}

Result<std::vector<ListedFile>> list_classes(const FileListing& listing, const DataSpec& spec,
                                             LoadContext& context) {
  TRIB_TRY(names, folders_in(listing.folder, context));
  TRIB_CHECK_OK(check_classes(names, listing, spec, context));
  std::vector<ListedFile> files;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto label = static_cast<double>(i);
    const std::string folder = (fs::path(listing.folder) / names[i]).string();
    if (!spec.label_values.empty()) {
      const auto found = std::ranges::find(spec.label_values, names[i]);
      if (found == spec.label_values.end()) {
        return data_error(context, "a folder of the site's dataset is not in data.label.values",
                          folder + " is not in data.label.values");
      }
      label = static_cast<double>(found - spec.label_values.begin());
    }
    TRIB_TRY(paths, files_below(folder, listing, context));
    for (std::string& path : paths) files.push_back({std::move(path), label});
  }
  return files;
}

// Below the folder: an index may come from elsewhere.
Result<std::string> path_in(const std::string& folder, const std::string& name) {
  const fs::path path = fs::path(name).lexically_normal();
  if (name.empty() || path.is_absolute() || *path.begin() == "..") {
    return make_error(ErrorCode::kInvalidArgument,
                      "a path of the index does not lead below the dataset's folder");
  }
  return (fs::path(folder) / path).string();
}

class IndexReader {
 public:
  IndexReader(const FileListing& listing, const DataSpec& spec) : listing_(listing), spec_(spec) {}

  Status set_columns(const std::vector<std::string>& names) {
    width_ = names.size();
    TRIB_TRY(path, place_of(names, listing_.path_column));
    path_ = path;
    if (!wants_label()) return {};
    TRIB_TRY(label, place_of(names, listing_.label_column));
    label_ = label;
    return {};
  }
  Status add_row(const std::vector<std::string>& cells) {
    if (cells.size() != width_) {
      return make_error(ErrorCode::kInvalidArgument, "a row has " + std::to_string(cells.size()) +
                                                         " cells, not " + std::to_string(width_));
    }
    ListedFile file;
    TRIB_TRY(path, path_in(listing_.folder, cells[path_]));
    file.path = std::move(path);
    if (wants_label() && labels_places(spec_.target)) {
      TRIB_TRY(mask, path_in(listing_.folder, cells[label_]));
      file.mask = std::move(mask);
    } else if (wants_label()) {
      TRIB_TRY(label, label_of(spec_, "column '" + listing_.label_column + "' of the index",
                               cells[label_]));
      file.label = label;
    }
    files_.push_back(std::move(file));
    return {};
  }
  std::vector<ListedFile> take() { return std::move(files_); }

 private:
  bool wants_label() const { return listing_.labelled && spec_.target != TargetKind::kUnlabelled; }
  static Result<std::size_t> place_of(const std::vector<std::string>& names,
                                      const std::string& wanted) {
    const auto found = std::ranges::find(names, wanted);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    return make_error(ErrorCode::kInvalidArgument, "the index has no column '" + wanted + "'");
  }

  const FileListing& listing_;
  const DataSpec& spec_;
  std::size_t width_ = 0, path_ = 0, label_ = 0;
  std::vector<ListedFile> files_;
};

}  // namespace

Result<std::vector<ListedFile>> list_files(const FileListing& listing, const DataSpec& spec,
                                           LoadContext& context) {
  if (!listing.index.empty()) {
    IndexReader reader(listing, spec);
    CsvFormat format;
    format.path = listing.index;
    const CsvSink sink{
        [&reader](const std::vector<std::string>& names) { return reader.set_columns(names); },
        [&reader](const std::vector<std::string>& cells) { return reader.add_row(cells); }};
    TRIB_CHECK_OK(read_csv(format, sink, context));
    return reader.take();
  }
  if (listing.labelled && spec.target != TargetKind::kUnlabelled)
    return list_classes(listing, spec, context);
  TRIB_TRY(paths, files_below(listing.folder, listing, context));
  std::vector<ListedFile> files;
  for (std::string& path : paths) files.push_back({std::move(path)});
  return files;
}

}  // namespace tributary
