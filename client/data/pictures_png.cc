// SPDX-License-Identifier: Apache-2.0
// PNG through libpng, row by row. An error of libpng is a jump: it ends in the function that made
// the call, none of which has anything to destroy.
#include <png.h>

#include <csetjmp>

#include "client/data/pictures.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr png_alloc_size_t kChunkBytesMax = 1u << 20;  // a colour profile; text is passed over
constexpr int kChunksMax = 1000;
// An interlaced picture is read whole.
constexpr std::size_t kInterlacedBytesMax = 256u << 20;

struct Source {
  ByteView left;
};

void read_bytes(png_structp png, png_bytep into, png_size_t size) {
  auto& source = *static_cast<Source*>(png_get_io_ptr(png));
  if (source.left.size() < size) png_error(png, "cut short");
  std::memcpy(into, source.left.data(), size);
  source.left = source.left.subspan(size);
}

[[noreturn]] void on_error(png_structp png, png_const_charp) { png_longjmp(png, 1); }
void on_warning(png_structp, png_const_charp) {}

class Png {
 public:
  explicit Png(ByteView file)
      : source_{file},
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, &on_error, &on_warning)),
        info_(png_ == nullptr ? nullptr : png_create_info_struct(png_)) {}
  ~Png() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;

  bool read_head() {
    if (info_ == nullptr || setjmp(png_jmpbuf(png_)) != 0) return false;
    constexpr auto kSide = static_cast<png_uint_32>(limits::kPictureSideMax);
    png_set_user_limits(png_, kSide, kSide);
    png_set_chunk_malloc_max(png_, kChunkBytesMax);
    png_set_chunk_cache_max(png_, kChunksMax);
    png_set_read_fn(png_, &source_, &read_bytes);
    png_read_info(png_, info_);
    return true;
  }
  // What rows are to be like: 8 or 16 bits a value, without transparency.
  bool set_form(PictureUse use) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    const bool picture = use == PictureUse::kPicture;
    if (png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE && picture)
      png_set_palette_to_rgb(png_);
    if (png_get_bit_depth(png_, info_) < 8) {
      if (picture && png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY)
        png_set_expand_gray_1_2_4_to_8(png_);
      png_set_packing(png_);
    }
    png_set_strip_alpha(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }
  bool read_row(png_bytep into) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_row(png_, into, nullptr);
    return true;
  }
  bool read_end() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_end(png_, nullptr);
    return true;
  }

  std::size_t width() const { return png_get_image_width(png_, info_); }
  std::size_t height() const { return png_get_image_height(png_, info_); }
  std::size_t channels() const { return png_get_channels(png_, info_); }
  std::size_t depth() const { return png_get_bit_depth(png_, info_); }
  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  bool interlaced() const { return passes_ > 1; }
  int passes() const { return passes_; }

 private:
  Source source_;
  png_structp png_;
  png_infop info_;
  int passes_ = 1;
};

Error damaged() {
  return make_error(ErrorCode::kInvalidArgument,
                    "a PNG is damaged, cut short or larger than a picture may be");
}

void paint_row(const Png& png, const std::vector<png_byte>& bytes, std::size_t at, bool scaled,
               std::vector<float>& row, Canvas& canvas) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (png.depth() == 16) {
      const unsigned value = (unsigned{bytes[at + 2 * i]} << 8) | bytes[at + 2 * i + 1];
      row[i] = scaled ? static_cast<float>(value) / 257.0F : static_cast<float>(value);
    } else {
      row[i] = static_cast<float>(bytes[at + i]);
    }
  }
  canvas.add_row(row);
}

}  // namespace

Status paint_png(ByteView file, PictureUse use, Canvas& canvas) {
  Png png(file);
  if (!png.read_head() || !png.set_form(use)) return damaged();
  const std::size_t channels = png.channels();
  if (use == PictureUse::kMask && channels != 1)
    return make_error(ErrorCode::kInvalidArgument, "a mask is neither grey nor has a palette");
  if (channels != 1 && channels != 3) return damaged();
  TRIB_CHECK_OK(canvas.begin(static_cast<std::int64_t>(png.height()),
                             static_cast<std::int64_t>(png.width()),
                             static_cast<std::int64_t>(channels)));
  const std::size_t row_bytes = png.row_bytes();
  const std::size_t rows = png.interlaced() ? png.height() : 1;
  if (png.interlaced() && rows * row_bytes > kInterlacedBytesMax)
    return make_error(ErrorCode::kInvalidArgument, "an interlaced PNG is over 256 MiB");
  std::vector<png_byte> bytes(rows * row_bytes);
  std::vector<float> row(png.width() * channels);
  const bool scaled = use == PictureUse::kPicture;
  if (png.interlaced()) {
    for (int pass = 0; pass < png.passes(); ++pass) {
      for (std::size_t y = 0; y < rows; ++y) {
        if (!png.read_row(bytes.data() + y * row_bytes)) return damaged();
      }
    }
    for (std::size_t y = 0; y < rows; ++y)
      paint_row(png, bytes, y * row_bytes, scaled, row, canvas);
  } else {
    for (std::size_t y = 0; y < png.height(); ++y) {
      if (!png.read_row(bytes.data())) return damaged();
      paint_row(png, bytes, 0, scaled, row, canvas);
    }
  }
  return png.read_end() ? Status{} : damaged();
}

}  // namespace tributary
