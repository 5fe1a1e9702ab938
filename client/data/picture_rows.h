// SPDX-License-Identifier: Apache-2.0
// Files of pictures to the rows of a job, one picture each. Inside this room only. Plain functions,
// any thread. It knows neither file formats nor where files lie.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "client/data/canvas.h"
#include "client/data/file_listing.h"

namespace tributary {

// Paints one file on the canvas, and may set its label. An error is that of a faulty record and
// names no file.
using PaintFile = std::function<Status(ListedFile& file, Canvas& canvas)>;

struct PictureRows {
  CanvasFit fit = CanvasFit::kStretch;
  PaintFile paint;
  PaintFile paint_mask = {};                   // of ListedFile::mask
  std::vector<std::int64_t> mask_values = {};  // of class 0, 1 ...; empty: a value is its class
  std::int64_t mask_ignored = -1;              // a value without a class
};

// The shape that a job wants of pictures: [height, width] or [1 or 3, height, width].
Result<CanvasShape> canvas_shape(const DataSpec& spec, LoadContext& context);
// Each picture is let go before the next one is read.
Result<ExampleSet> read_pictures(std::vector<ListedFile> files, const PictureRows& how,
                                 const DataSpec& spec, LoadContext& context);
// The whole file; kInvalidArgument without its name where it cannot be read or is over 1 GiB.
Result<Bytes> read_picture_file(const std::string& path);

}  // namespace tributary
