// SPDX-License-Identifier: Apache-2.0
#include "client/data/dicom.h"

#include <dcmtk/config/osconfig.h>
// DCMTK wants osconfig.h before its other headers.
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr std::uint64_t kPixelBytesMax = 1u << 30;  // of one file, decompressed

Error wrong(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

// Once a process: DCMTK keeps its decoders and its log in globals.
void prepare_dcmtk() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
  });
}

std::optional<DcmTagKey> tag_of(const std::string& name) {
  DcmTag tag;
  if (DcmTag::findTagFromName(name.c_str(), tag).good()) return DcmTagKey(tag);
  return std::nullopt;
}

// What says how pixels are to be read.
struct PixelForm {
  Uint16 rows = 0, columns = 0, samples = 1, allocated = 0, stored = 0, high = 0, is_signed = 0,
         planar = 0;
  std::int64_t frames = 1;
  std::string colours;
  double slope = 1.0, intercept = 0.0;

  std::size_t row_values() const { return std::size_t{columns} * samples; }
  std::size_t frame_values() const { return row_values() * rows; }
  bool inverted() const { return colours == "MONOCHROME1"; }
};

double number_in(DcmItem& data, const DcmTagKey& tag, double otherwise) {
  Float64 value = otherwise;
  if (data.findAndGetFloat64(tag, value).bad()) return otherwise;
  return value;
}

Result<PixelForm> read_form(DcmItem& data) {
  PixelForm form;
  if (data.findAndGetUint16(DCM_Rows, form.rows).bad() ||
      data.findAndGetUint16(DCM_Columns, form.columns).bad() ||
      data.findAndGetUint16(DCM_BitsAllocated, form.allocated).bad())
    return wrong("a DICOM file has no picture");
  if (data.findAndGetUint16(DCM_SamplesPerPixel, form.samples).bad()) form.samples = 1;
  if (data.findAndGetUint16(DCM_BitsStored, form.stored).bad()) form.stored = form.allocated;
  if (data.findAndGetUint16(DCM_HighBit, form.high).bad())
    form.high = static_cast<Uint16>(form.stored - 1);
  if (data.findAndGetUint16(DCM_PixelRepresentation, form.is_signed).bad()) form.is_signed = 0;
  if (data.findAndGetUint16(DCM_PlanarConfiguration, form.planar).bad()) form.planar = 0;
  Sint32 frames = 1;
  if (data.findAndGetSint32(DCM_NumberOfFrames, frames).good()) form.frames = frames;
  OFString colours;
  if (data.findAndGetOFString(DCM_PhotometricInterpretation, colours).bad())
    return wrong("a DICOM file does not say how its pixels are to be understood");
  form.colours = std::string(colours.c_str());
  form.slope = number_in(data, DCM_RescaleSlope, 1.0);
  form.intercept = number_in(data, DCM_RescaleIntercept, 0.0);
  return form;
}

Status check_form(const PixelForm& form) {
  if (form.rows == 0 || form.columns == 0 || form.rows > limits::kPictureSideMax ||
      form.columns > limits::kPictureSideMax || form.frames < 1) {
    return wrong("a DICOM picture is empty or larger than a picture may be");
  }
  if (form.allocated != 8 && form.allocated != 16)
    return wrong("a DICOM picture has neither 8 nor 16 bits a value");
  if (form.stored < 1 || form.stored > form.allocated || form.high >= form.allocated ||
      form.high + 1 < form.stored)
    return wrong("a DICOM picture's bits do not fit in its values");
  if (form.samples != 1 && form.samples != 3)
    return wrong("a DICOM picture has neither one value a pixel nor three");
  const std::uint64_t bytes =
      form.frame_values() * (form.allocated / 8u) * static_cast<std::uint64_t>(form.frames);
  if (static_cast<std::uint64_t>(form.frames) > kPixelBytesMax || bytes > kPixelBytesMax)
    return wrong("a DICOM file's pictures are over 1 GiB");
  if (!std::isfinite(form.slope) || !std::isfinite(form.intercept) || std::abs(form.slope) > 1e15 ||
      std::abs(form.intercept) > 1e30)
    return wrong("a DICOM file's rescale is no finite number");
  return {};
}

Status check_colours(const PixelForm& form) {
  const bool grey = form.samples == 1 && form.colours.starts_with("MONOCHROME");
  if (grey || (form.samples == 3 && form.colours == "RGB")) return {};
  return wrong("a DICOM picture's colours are of a kind that is not read");
}

// The pixels as they are stored, in memory that the dataset owns.
struct Pixels {
  const Uint8* bytes = nullptr;
  const Uint16* words = nullptr;

  unsigned at(std::size_t i) const {
    return words != nullptr ? unsigned{words[i]} : unsigned{bytes[i]};
  }
};

Result<Pixels> pixels_of(DcmItem& data, const PixelForm& form) {
  DcmElement* element = nullptr;
  if (data.findAndGetElement(DCM_PixelData, element).bad() || element == nullptr)
    return wrong("a DICOM file has no picture");
  Pixels pixels;
  if (form.allocated == 8) {
    Uint8* bytes = nullptr;
    if (element->getUint8Array(bytes).good()) pixels.bytes = bytes;
  } else {
    Uint16* words = nullptr;
    if (element->getUint16Array(words).good()) pixels.words = words;
  }
  // What the head says, held against what there is.
  const std::uint64_t needed =
      form.frame_values() * (form.allocated / 8u) * static_cast<std::uint64_t>(form.frames);
  if ((pixels.bytes == nullptr && pixels.words == nullptr) || element->getLength() < needed)
    return wrong("a DICOM file has fewer pixels than its head says");
  return pixels;
}

Result<std::optional<DicomWindow>> window_of(DcmItem& data, const DicomReading& reading) {
  if (!reading.window_from_file) return reading.window;
  Float64 center = 0.0, width = 0.0;
  if (data.findAndGetFloat64(DCM_WindowCenter, center).bad() ||
      data.findAndGetFloat64(DCM_WindowWidth, width).bad() || !std::isfinite(center) ||
      !(width >= 1.0) || !std::isfinite(width))
    return wrong("a DICOM file has no window");
  return std::optional(DicomWindow{center, width});
}

float windowed(double value, const DicomWindow& window) {
  const double from = window.center - 0.5, range = window.width - 1.0;
  if (range <= 0.0) return value <= from ? 0.0F : 255.0F;
  const double share = (value - from) / range + 0.5;
  return static_cast<float>(255.0 * std::clamp(share, 0.0, 1.0));
}

// One stored value to what the canvas takes.
class ValueReader {
 public:
  ValueReader(const PixelForm& form, std::optional<DicomWindow> window)
      : form_(form),
        window_(window),
        shift_(form.high + 1u - form.stored),
        mask_((1u << form.stored) - 1u),
        sign_(1u << (form.stored - 1u)) {}

  float operator()(unsigned raw) const {
    const unsigned bits = (raw >> shift_) & mask_;
    double value = bits;
    if (form_.is_signed != 0 && (bits & sign_) != 0) value -= static_cast<double>(mask_) + 1.0;
    if (form_.samples == 3) return static_cast<float>(255.0 * bits / mask_);
    // The range of stored values, from its other end.
    const double ends = form_.is_signed != 0 ? -1.0 : static_cast<double>(mask_);
    if (form_.inverted() && !window_) value = ends - value;
    value = value * form_.slope + form_.intercept;
    if (!window_) return static_cast<float>(value);
    const float shown = windowed(value, *window_);
    return form_.inverted() ? 255.0F - shown : shown;
  }

 private:
  const PixelForm& form_;
  std::optional<DicomWindow> window_;
  unsigned shift_, mask_, sign_;
};

Status paint(const Pixels& pixels, const PixelForm& form, std::int64_t frame,
             const ValueReader& value_of, Canvas& canvas) {
  TRIB_CHECK_OK(canvas.begin(form.rows, form.columns, form.samples));
  const std::size_t start = form.frame_values() * static_cast<std::size_t>(frame);
  const std::size_t plane = std::size_t{form.rows} * form.columns;
  const bool planes = form.samples == 3 && form.planar == 1;
  std::vector<float> row(form.row_values());
  for (std::size_t y = 0; y < form.rows; ++y) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::size_t at =
          planes ? (i % 3) * plane + y * form.columns + i / 3 : y * form.row_values() + i;
      row[i] = value_of(pixels.at(start + at));
    }
    canvas.add_row(row);
  }
  return {};
}

Result<std::int64_t> frame_of(const PixelForm& form, std::int64_t wanted) {
  if (wanted == 0 && form.frames == 1) return std::int64_t{0};
  if (wanted == 0)
    return wrong("a DICOM file has more than one picture; the dataset's frame says which one");
  if (wanted > form.frames) return wrong("a DICOM file has fewer pictures than frame says");
  return wanted - 1;
}

}  // namespace

Status check_tag(const std::string& name) {
  prepare_dcmtk();
  return tag_of(name) ? Status{} : wrong("the dataset's label_tag is no tag of DICOM");
}

Status paint_dicom(const std::string& path, const DicomReading& reading, Canvas& canvas,
                   std::string& label) {
  prepare_dcmtk();
  DcmFileFormat file;
  if (file.loadFile(path.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_fileOnly)
          .bad() ||
      file.getDataset() == nullptr)
    return wrong("it is no DICOM file, or damaged");
  DcmDataset& data = *file.getDataset();
  // Held against the limits before anything is decompressed, and read anew after it.
  TRIB_TRY(claimed, read_form(data));
  TRIB_CHECK_OK(check_form(claimed));
  TRIB_TRY(frame, frame_of(claimed, reading.frame));
  if (data.chooseRepresentation(EXS_LittleEndianExplicit, nullptr).bad())
    return wrong("a DICOM picture is damaged, or compressed in a way that is not read");
  TRIB_TRY(form, read_form(data));
  TRIB_CHECK_OK(check_form(form));
  TRIB_CHECK_OK(check_colours(form));
  if (form.frames != claimed.frames) return wrong("a DICOM file contradicts itself");
  TRIB_TRY(window, window_of(data, reading));
  TRIB_TRY(pixels, pixels_of(data, form));
  if (!reading.label_tag.empty()) {
    OFString text;
    const auto tag = tag_of(reading.label_tag);
    if (!tag || data.findAndGetOFStringArray(*tag, text).bad())
      return wrong("a DICOM file lacks the tag of the label");
    label = std::string(text.c_str());
  }
  return paint(pixels, form, frame, ValueReader(form, window), canvas);
}

}  // namespace tributary
