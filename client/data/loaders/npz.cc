// SPDX-License-Identifier: Apache-2.0
// NumPy's .npz: a ZIP of .npy arrays, read through libzip, value by value.
#include <zip.h>

#include <filesystem>
#include <memory>

#include "client/data/npy.h"
#include "common/base/limits.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

using Archive = std::unique_ptr<zip_t, void (*)(zip_t*)>;
using Member = std::shared_ptr<zip_file_t>;

Error wrong(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

// libzip compares a member with its checksum when its end is read.
ReadBytes reader_of(Member member) {
  return [member = std::move(member)](MutableByteView into) -> Result<std::size_t> {
    std::size_t done = 0;
    while (done < into.size()) {
      const std::int64_t got = zip_fread(member.get(), into.data() + done, into.size() - done);
      if (got < 0) return make_error(ErrorCode::kDataLoss, "is damaged");
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  };
}

Result<ArrayReader> open_array(const Archive& archive, const std::string& name,
                               std::uint64_t bytes_max) {
  const std::string member = name + ".npy";
  Member file(zip_fopen(archive.get(), member.c_str(), 0), [](zip_file_t* opened) {
    if (opened != nullptr) zip_fclose(opened);
  });
  if (!file) return wrong("there is no array '" + name + "'");
  const ReadBytes read = reader_of(std::move(file));
  const auto named = [&name](Error error) {
    return std::move(error).with_context("array '" + name + "'");
  };
  Result<ArrayHead> head = read_npy_head(read);
  if (!head) return named(std::move(head).error());
  auto array = ArrayReader::open("array '" + name + "'", *std::move(head), read, bytes_max);
  if (!array) return named(std::move(array).error());
  return array;
}

struct Names {
  std::string inputs, labels;
};

Result<ExampleSet> read_pair(const Archive& archive, const Names& names, std::uint64_t bytes_max,
                             const DataSpec& spec, LoadContext& context) {
  TRIB_TRY(inputs, open_array(archive, names.inputs, bytes_max));
  if (spec.target == TargetKind::kUnlabelled || names.labels.empty())
    return examples_of(inputs, nullptr, spec, context);
  TRIB_TRY(labels, open_array(archive, names.labels, bytes_max));
  return examples_of(inputs, &labels, spec, context);
}

Result<RawData> load_archive(const Archive& archive, std::uint64_t bytes_max,
                             const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  RawData raw;
  const Names names{option<std::string>(options, "inputs"), option<std::string>(options, "labels")};
  TRIB_TRY(rows, read_pair(archive, names, bytes_max, spec, context));
  raw.rows = std::move(rows);
  const Names validation{option<std::string>(options, "validation_inputs"),
                         option<std::string>(options, "validation_labels")};
  if (validation.inputs.empty()) return raw;
  TRIB_TRY(more, read_pair(archive, validation, bytes_max, spec, context));
  raw.separate_validation = true;
  raw.validation = std::move(more);
  return raw;
}

Result<RawData> load(const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  if (spec.input_shape.empty()) {
    return data_error(context, "the job wants a table, the site's dataset is arrays",
                      "loader: npz");
  }
  const std::string& path = option<std::string>(options, "path");
  int code = 0;
  const Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code), &zip_discard);
  if (!archive)
    return data_error(context, "the site's .npz file cannot be opened",
                      "cannot open " + path + " as a ZIP file");
  std::error_code failed;
  const std::uint64_t bytes_max = inflated_max(std::filesystem::file_size(path, failed));
  auto raw = load_archive(archive, bytes_max, options, spec, context);
  if (!raw) {
    const std::string& detail = context.local_detail;
    context.local_detail = path + ": " + (detail.empty() ? raw.error().message : detail);
  }
  return raw;
}

}  // namespace

const DataLoader& npz_loader() {
  static constexpr DataLoader kLoader{"npz", "NumPy arrays in one .npz file", &load};
  return kLoader;
}

}  // namespace tributary
