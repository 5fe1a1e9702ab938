// SPDX-License-Identifier: Apache-2.0
// Folders of pictures, PNG and JPEG, one row each.
#include "client/data/picture_rows.h"
#include "client/data/pictures.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

Status paint(const std::string& path, PictureUse use, Canvas& canvas) {
  TRIB_TRY(bytes, read_picture_file(path));
  return paint_picture(bytes, use, canvas);
}

PictureRows rows_of(const OptionMap& options) {
  PictureRows rows;
  if (option<std::string>(options, "resize") == "letterbox") rows.fit = CanvasFit::kLetterbox;
  rows.paint = [](ListedFile& file, Canvas& canvas) {
    return paint(file.path, PictureUse::kPicture, canvas);
  };
  rows.paint_mask = [](ListedFile& file, Canvas& canvas) {
    return paint(file.mask, PictureUse::kMask, canvas);
  };
  rows.mask_values = option<std::vector<std::int64_t>>(options, "mask_values");
  rows.mask_ignored = option<std::int64_t>(options, "mask_ignored");
  return rows;
}

Result<ExampleSet> read(const std::string& folder, const std::string& index,
                        const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  const FileListing listing{folder,
                            index,
                            option<std::string>(options, "path_column"),
                            option<std::string>(options, "label_column"),
                            {".png", ".jpg", ".jpeg"}};
  TRIB_TRY(files, list_files(listing, spec, context));
  return read_pictures(std::move(files), rows_of(options), spec, context);
}

Result<RawData> load(const OptionMap& options, const DataSpec& spec, LoadContext& context) {
  TRIB_CHECK_OK(canvas_shape(spec, context));
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

const DataLoader& images_loader() {
  static constexpr DataLoader kLoader{"images", "Pictures, PNG and JPEG, a file each", &load};
  return kLoader;
}

}  // namespace tributary
