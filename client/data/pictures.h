// SPDX-License-Identifier: Apache-2.0
// Files of pictures painted on a canvas: PNG and JPEG, told apart by their first bytes. Inside this
// room only. Plain functions, any thread. Errors name neither file nor value.
#pragma once

#include "client/data/canvas.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tributary {

enum class PictureUse {
  kPicture,  // values from 0 to 255, whatever the depth; transparency does not count
  kMask,     // the numbers of a grey or palette PNG as they are in the file
};

// kInvalidArgument: a damaged or cut file, or a kind of picture that is not read.
Status paint_picture(ByteView file, PictureUse use, Canvas& canvas);
Status paint_png(ByteView file, PictureUse use, Canvas& canvas);
Status paint_jpeg(ByteView file, Canvas& canvas);

}  // namespace tributary
