// SPDX-License-Identifier: Apache-2.0
// Folders of DICOM files, one row each.
#include "client/data/dicom.h"

#include "client/data/cells.h"
#include "client/data/picture_rows.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

DicomReading reading_of(const OptionMap& options) {
  DicomReading reading;
  const std::string& window = option<std::string>(options, "window");
  if (window == "fixed") {
    reading.window = DicomWindow{option<double>(options, "window_center"),
                                 option<double>(options, "window_width")};
  }
  reading.window_from_file = window == "file";
  reading.frame = option<std::int64_t>(options, "frame");
  reading.label_tag = option<std::string>(options, "label_tag");
  return reading;
}

Status paint(ListedFile& file, const DicomReading& reading, const DataSpec& spec, Canvas& canvas) {
  std::string text;
  TRIB_CHECK_OK(paint_dicom(file.path, reading, canvas, text));
  if (reading.label_tag.empty()) return {};
  // Values are padded with blanks, and some programs leave the zero byte.
  while (text.ends_with('\0') || text.ends_with(' ')) text.pop_back();
  TRIB_TRY(label, label_of(spec, "the tag of the label", text));
  file.label = label;
  return {};
}

Result<ExampleSet> read(const std::string& folder, const std::string& index,
                        const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  const DicomReading reading = reading_of(options);
  const bool tagged = !reading.label_tag.empty() && spec.target != TargetKind::kUnlabelled;
  const FileListing listing{folder,
                            index,
                            option<std::string>(options, "path_column"),
                            option<std::string>(options, "label_column"),
                            option<std::vector<std::string>>(options, "endings"),
                            !tagged};
  TRIB_TRY(files, list_files(listing, spec, context));
  PictureRows rows;
  if (option<std::string>(options, "resize") == "letterbox") rows.fit = CanvasFit::kLetterbox;
  DicomReading used = reading;
  if (!tagged) used.label_tag.clear();
  rows.paint = [used, &spec](ListedFile& file, Canvas& canvas) {
    return paint(file, used, spec, canvas);
  };
  return read_pictures(std::move(files), rows, spec, context);
}

Result<RawData> load(const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  TRIB_CHECK_OK(canvas_shape(spec, context));
  if (const std::string& tag = option<std::string>(options, "label_tag"); !tag.empty()) {
    if (const Status known = check_tag(tag); !known)
      return data_error(context, known.error().message, tag + " is no tag");
  }
  RawData raw;
  const std::string& path = option<std::string>(options, "path");
  const std::string& more = option<std::string>(options, "validation_path");
  const std::string& more_index = option<std::string>(options, "validation_index");
  TRIB_TRY(rows, read(path, option<std::string>(options, "index"), options, spec, context));
  raw.rows = std::move(rows);
  if (more.empty() && more_index.empty()) return raw;
  TRIB_TRY(validation, read(more.empty() ? path : more, more_index, options, spec, context));
  raw.separate_validation = true;
  raw.validation = std::move(validation);
  return raw;
}

}  // namespace

const DataLoader& dicom_loader() {
  static constexpr DataLoader kLoader{"dicom", "Pictures of DICOM files, one each", &load};
  return kLoader;
}

}  // namespace tributary
