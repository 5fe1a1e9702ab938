// SPDX-License-Identifier: Apache-2.0
#include "client/data/picture_rows.h"

#include <algorithm>
#include <filesystem>

#include "client/data/input_file.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr std::uint64_t kFileBytesMax = 1u << 30;

Error wrong(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

// What a mask's value is: a class, or -1.
Result<std::int64_t> class_of(float value, const PictureRows& how, const DataSpec& spec) {
  const auto number = static_cast<std::int64_t>(value);
  if (number == -1 || number == how.mask_ignored) return std::int64_t{-1};  // around the picture
  if (!how.mask_values.empty()) {
    const auto found = std::ranges::find(how.mask_values, number);
    if (found == how.mask_values.end()) return wrong("a mask has a value that is no class");
    return found - how.mask_values.begin();
  }
  if (number < spec.classes) return number;
  return wrong("a mask has a value that is none of the classes 0 to " +
               std::to_string(spec.classes - 1));
}

class RowMaker {
 public:
  RowMaker(const PictureRows& how, const DataSpec& spec, const CanvasShape& shape,
           ExampleSet& examples)
      : how_(how),
        spec_(spec),
        examples_(examples),
        canvas_(shape, how.fit, CanvasSampling::kSmooth),
        mask_({1, shape.height, shape.width}, how.fit, CanvasSampling::kNearest, -1.0F) {}

  // Nothing is added of a faulty one.
  Status add(ListedFile& file) {
    TRIB_CHECK_OK(how_.paint(file, canvas_));
    if (labels_places(spec_.target)) {
      TRIB_CHECK_OK(add_mask(file));
    } else if (spec_.target == TargetKind::kRegression) {
      examples_.targets.push_back(static_cast<float>(file.label));
    } else if (spec_.target != TargetKind::kUnlabelled) {
      examples_.labels.push_back(static_cast<std::int64_t>(file.label));
    }
    const auto values = canvas_.values();
    examples_.inputs.insert(examples_.inputs.end(), values.begin(), values.end());
    ++examples_.rows;
    return {};
  }

 private:
  Status add_mask(ListedFile& file) {
    TRIB_CHECK_OK(how_.paint_mask(file, mask_));
    const std::size_t before = examples_.labels.size();
    for (const float value : mask_.values()) {
      auto label = class_of(value, how_, spec_);
      if (!label) {
        examples_.labels.resize(before);
        return std::move(label).error();
      }
      examples_.labels.push_back(*label);
    }
    return {};
  }

  const PictureRows& how_;
  const DataSpec& spec_;
  ExampleSet& examples_;
  Canvas canvas_, mask_;
};

}  // namespace

Result<CanvasShape> canvas_shape(const DataSpec& spec, LoadContext& context) {
  const std::vector<std::int64_t>& sizes = spec.input_shape;
  const bool three = sizes.size() == 3 && (sizes[0] == 1 || sizes[0] == 3);
  if (three) return CanvasShape{sizes[0], sizes[1], sizes[2]};
  if (sizes.size() == 2) return CanvasShape{1, sizes[0], sizes[1]};
  return data_error(context,
                    "the site's dataset is pictures; the job wants other inputs than [height, "
                    "width] or [1 or 3, height, width]",
                    "data.input_shape is no picture's");
}

Result<ExampleSet> read_pictures(std::vector<ListedFile> files, const PictureRows& how,
                                 const DataSpec& spec, LoadContext& context) {
  TRIB_TRY(shape, canvas_shape(spec, context));
  if (files.empty())
    return data_error(context, "the site's dataset has no pictures", "no file is a picture");
  ExampleSet examples = empty_examples(context);
  examples.input_shape = spec.input_shape;
  examples.target_shape = spec.target_shape;
  const std::vector<std::int64_t> places{shape.height, shape.width};
  if (labels_places(spec.target)) {
    if (!how.paint_mask || spec.target_shape != places) {
      return data_error(context,
                        "the site's pictures have no label of the shape that the job wants",
                        "the job wants labels of another shape than its pictures");
    }
    examples.labels.reserve(files.size() * static_cast<std::size_t>(shape.height * shape.width));
  }
  examples.inputs.reserve(files.size() *
                          static_cast<std::size_t>(shape.channels * shape.height * shape.width));
  RowMaker maker(how, spec, shape, examples);
  for (ListedFile& file : files) {
    Status added = maker.add(file);
    if (added) continue;
    const std::string place = file.path + ": " + added.error().message;
    TRIB_CHECK_OK(context.faulty_record(
        std::move(added).error().with_context("a file of the site's dataset"), place));
  }
  return examples;
}

Result<Bytes> read_picture_file(const std::string& path) {
  std::error_code failed;
  const std::uint64_t size = std::filesystem::file_size(path, failed);
  if (failed) return wrong("it cannot be read");
  if (size > kFileBytesMax) return wrong("it is over 1 GiB");
  auto file = InputFile::open(path);
  if (!file) return wrong("it " + file.error().message);
  Bytes bytes(static_cast<std::size_t>(size));
  auto got = file->read(bytes);
  if (!got || *got != size) return wrong("it is cut short");
  return bytes;
}

}  // namespace tributary
