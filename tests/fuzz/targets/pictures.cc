// SPDX-License-Identifier: Apache-2.0
#include "client/data/pictures.h"

#include <filesystem>
#include <fstream>

#include "client/data/dicom.h"
#include "common/base/assert.h"
#include "tests/fuzz/targets.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

constexpr CanvasShape kShape{3, 4, 4};

}  // namespace

// PNG and JPEG, as a picture and as a mask.
bool fuzz_pictures(ByteView bytes) {
  Canvas canvas(kShape, CanvasFit::kLetterbox, CanvasSampling::kSmooth);
  const bool painted = paint_picture(bytes, PictureUse::kPicture, canvas).has_value();
  if (painted) {
    TRIB_ASSERT(canvas.complete(), "a picture with rows missing");
    for (const float value : canvas.values())
      TRIB_ASSERT(value >= -0.01F && value <= 255.01F, "a value that no picture has");
  }
  Canvas mask({1, 4, 4}, CanvasFit::kStretch, CanvasSampling::kNearest);
  static_cast<void>(paint_picture(bytes, PictureUse::kMask, mask).has_value());
  return painted;
}

// DCMTK reads files.
bool fuzz_dicom(ByteView bytes) {
  static const TemporaryDirectory kDirectory;
  const std::string path = kDirectory / "a.dcm";
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  Canvas canvas(kShape, CanvasFit::kStretch, CanvasSampling::kSmooth);
  DicomReading reading;
  reading.frame = 1;
  reading.label_tag = "PatientSex";
  std::string label;
  const bool painted = paint_dicom(path, reading, canvas, label).has_value();
  TRIB_ASSERT(!painted || canvas.complete(), "a picture with rows missing");
  return painted;
}

}  // namespace tributary
