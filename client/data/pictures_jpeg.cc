// SPDX-License-Identifier: Apache-2.0
// JPEG through libjpeg-turbo, row by row. An error of the library is a jump: it ends in the
// function that made the call, none of which has anything to destroy.
#include <cstdio>
// libjpeg wants <cstdio> before it.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>

#include "client/data/pictures.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

// A picture in several scans is held whole, at two bytes a value: 64 megapixels take 384 MiB. Each
// scan goes over all of it, and a few hundred bytes can ask for many.
constexpr std::int64_t kPixelsInScansMax = 64ll << 20;
constexpr int kScansMax = 100;

struct Errors {
  jpeg_error_mgr manager;  // first: libjpeg gives back its address
  std::jmp_buf jump;
};

[[noreturn]] void on_error(j_common_ptr info) {
  std::longjmp(reinterpret_cast<Errors*>(info->err)->jump, 1);
}
// What libjpeg calls a warning is a damaged file whose picture it makes up, with few exceptions.
void on_message(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  const bool harmless =
      code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR;
  if (level < 0 && !harmless) on_error(info);
}
void on_output(j_common_ptr) {}
void on_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kScansMax) on_error(info);
}

class Jpeg {
 public:
  explicit Jpeg(ByteView file) : file_(file) {
    info_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = &on_error;
    errors_.manager.emit_message = &on_message;
    errors_.manager.output_message = &on_output;
    progress_.progress_monitor = &on_progress;
  }
  ~Jpeg() {
    if (created_) jpeg_destroy_decompress(&info_);
  }
  Jpeg(const Jpeg&) = delete;
  Jpeg& operator=(const Jpeg&) = delete;

  bool read_head() {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    created_ = true;
    info_.progress = &progress_;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(file_.data()),
                 static_cast<unsigned long>(file_.size()));
    return jpeg_read_header(&info_, TRUE) == JPEG_HEADER_OK;
  }
  bool start() {
    if (setjmp(errors_.jump) != 0) return false;
    // Bits that do not depend on the processor.
    info_.dct_method = JDCT_ISLOW;
    info_.out_color_space = info_.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    return jpeg_start_decompress(&info_) == TRUE;
  }
  bool read_row(unsigned char* into) {
    if (setjmp(errors_.jump) != 0) return false;
    return jpeg_read_scanlines(&info_, &into, 1) == 1;
  }
  bool finish() {
    if (setjmp(errors_.jump) != 0) return false;
    return jpeg_finish_decompress(&info_) == TRUE;
  }

  bool has_colours_we_know() const {
    const J_COLOR_SPACE space = info_.jpeg_color_space;
    return space == JCS_GRAYSCALE || space == JCS_RGB || space == JCS_YCbCr;
  }
  bool in_scans() const { return jpeg_has_multiple_scans(const_cast<j_decompress_ptr>(&info_)); }
  std::int64_t width() const { return info_.image_width; }
  std::int64_t height() const { return info_.image_height; }
  std::int64_t channels() const { return info_.output_components; }

 private:
  ByteView file_;
  Errors errors_ = {};
  jpeg_progress_mgr progress_ = {};
  jpeg_decompress_struct info_ = {};
  bool created_ = false;
};

Error wrong(const char* what) { return make_error(ErrorCode::kInvalidArgument, what); }

}  // namespace

Status paint_jpeg(ByteView file, Canvas& canvas) {
  constexpr const char* kDamaged = "a JPEG is damaged or cut short";
  Jpeg jpeg(file);
  if (!jpeg.read_head()) return wrong(kDamaged);
  if (!jpeg.has_colours_we_know())
    return wrong("a JPEG is neither grey nor in RGB: CMYK is for printers");
  if (jpeg.width() > limits::kPictureSideMax || jpeg.height() > limits::kPictureSideMax)
    return wrong("a picture is over 16384 pixels wide or high");
  if (jpeg.in_scans() && jpeg.width() * jpeg.height() > kPixelsInScansMax)
    return wrong("a progressive JPEG is over 64 megapixels");
  if (!jpeg.start()) return wrong(kDamaged);
  TRIB_CHECK_OK(canvas.begin(jpeg.height(), jpeg.width(), jpeg.channels()));
  std::vector<unsigned char> bytes(static_cast<std::size_t>(jpeg.width() * jpeg.channels()));
  std::vector<float> row(bytes.size());
  for (std::int64_t y = 0; y < jpeg.height(); ++y) {
    if (!jpeg.read_row(bytes.data())) return wrong(kDamaged);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(bytes[i]);
    canvas.add_row(row);
  }
  return jpeg.finish() ? Status{} : wrong(kDamaged);
}

}  // namespace tributary
