// SPDX-License-Identifier: Apache-2.0
#include "client/data/pictures.h"

namespace tributary {

Status paint_picture(ByteView file, PictureUse use, Canvas& canvas) {
  const std::string_view text = as_text(file);
  if (text.starts_with("\x89PNG")) return paint_png(file, use, canvas);
  if (!text.starts_with("\xff\xd8\xff"))
    return make_error(ErrorCode::kInvalidArgument, "the file is neither a PNG nor a JPEG");
  if (use == PictureUse::kPicture) return paint_jpeg(file, canvas);
  return make_error(ErrorCode::kInvalidArgument,
                    "a mask is a JPEG, which is lossy: save it as PNG");
}

}  // namespace tributary
