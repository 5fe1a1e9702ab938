// SPDX-License-Identifier: Apache-2.0
#include "client/data/array_files.h"

#include <filesystem>

#include "client/data/input_file.h"

namespace tributary {
namespace {

using ReadHead = Result<ArrayHead> (*)(const ReadBytes&);

Result<ArrayReader> open_array(const std::string& path, ReadHead read_head) {
  TRIB_TRY(opened, InputFile::open(path));
  const auto file = std::make_shared<InputFile>(std::move(opened));
  const ReadBytes read = [file](MutableByteView into) { return file->read(into); };
  TRIB_TRY(head, read_head(read));
  std::error_code failed;
  return ArrayReader::open(path, std::move(head), read,
                           inflated_max(std::filesystem::file_size(path, failed)));
}

Result<ArrayReader> opened(const std::string& path, ReadHead read_head, LoadContext& context) {
  auto array = open_array(path, read_head);
  if (array) return array;
  context.local_detail = path + ": " + array.error().message;
  return std::move(array).error().with_context("a file of the site's dataset");
}

Result<ExampleSet> read_pair(const std::string& inputs, const std::string& labels,
                             ReadHead read_head, const DataSpec& spec, LoadContext& context) {
  TRIB_TRY(of_inputs, opened(inputs, read_head, context));
  if (spec.target == TargetKind::kUnlabelled) return examples_of(of_inputs, nullptr, spec, context);
  if (labels.empty()) {
    return data_error(context, "the job wants labels, the site's dataset has none",
                      inputs + ": no file of labels is named");
  }
  TRIB_TRY(of_labels, opened(labels, read_head, context));
  return examples_of(of_inputs, &of_labels, spec, context);
}

}  // namespace

Result<RawData> load_array_files(const ArrayFiles& files, ReadHead read_head, const DataSpec& spec,
                                 LoadContext& context) {
  if (spec.input_shape.empty()) {
    return data_error(context, "the job wants a table, the site's dataset is arrays",
                      files.inputs + " is an array");
  }
  RawData raw;
  TRIB_TRY(rows, read_pair(files.inputs, files.labels, read_head, spec, context));
  raw.rows = std::move(rows);
  if (files.validation_inputs.empty()) return raw;
  TRIB_TRY(validation,
           read_pair(files.validation_inputs, files.validation_labels, read_head, spec, context));
  raw.separate_validation = true;
  raw.validation = std::move(validation);
  return raw;
}

}  // namespace tributary
