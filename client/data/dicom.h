// SPDX-License-Identifier: Apache-2.0
// DICOM files painted on a canvas, through DCMTK. Inside this room only. Any thread. Errors name
// neither file, nor value, nor person; DCMTK's own log, which could, is switched off.
#pragma once

#include <optional>
#include <string>

#include "client/data/canvas.h"
#include "common/base/result.h"

namespace tributary {

struct DicomWindow {
  double center = 0.0;
  double width = 1.0;  // at least 1
};

struct DicomReading {
  // Values after the modality's rescale (Hounsfield units of a CT) become 0 to 255 by the linear
  // function of PS3.3 C.11.2.1.2.1. None, and not from_file: they stay as they are.
  std::optional<DicomWindow> window = {};
  bool window_from_file = false;  // the first one; a file without is faulty
  std::int64_t frame = 0;         // from 1; 0: a file with more than one is faulty
  std::string label_tag = {};     // keyword, or "gggg,eeee"; empty: no label is read
};

// kInvalidArgument: no tag has this name.
Status check_tag(const std::string& name);
// `label`: the text under label_tag. kInvalidArgument: a damaged file, or what is not read: colours
// by palette or as YBR that is not compressed, 32 bits, JPEG 2000. MONOCHROME1 is turned into
// MONOCHROME2.
Status paint_dicom(const std::string& path, const DicomReading& reading, Canvas& canvas,
                   std::string& label);

}  // namespace tributary
