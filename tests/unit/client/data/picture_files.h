// SPDX-License-Identifier: Apache-2.0
// PNG and JPEG files made for tests.
#pragma once

#include <png.h>

#include <cstdio>
// libjpeg wants <cstdio> before it.
#include <jpeglib.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace tributary {

struct PngKind {
  int color_type = PNG_COLOR_TYPE_GRAY;
  int depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette = {};
};

// `values`: of all channels, pixel by pixel; 16 bits and less than 8 are packed here.
inline std::string png_file(unsigned width, unsigned height, const std::vector<unsigned>& values,
                            const PngKind& kind = {}) {
  std::string made;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &made,
      [](png_structp to, png_bytep bytes, png_size_t size) {
        static_cast<std::string*>(png_get_io_ptr(to))
            ->append(reinterpret_cast<const char*>(bytes), size);
      },
      nullptr);
  png_set_IHDR(png, info, width, height, kind.depth, kind.color_type,
               kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!kind.palette.empty())
    png_set_PLTE(png, info, kind.palette.data(), static_cast<int>(kind.palette.size()));
  png_write_info(png, info);
  if (kind.depth < 8) png_set_packing(png);
  const std::size_t in_row = values.size() / height;
  std::vector<std::vector<png_byte>> rows(height);
  std::vector<png_bytep> pointers;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t i = 0; i < in_row; ++i) {
      const unsigned value = values[y * in_row + i];
      if (kind.depth == 16) rows[y].push_back(static_cast<png_byte>(value >> 8));
      rows[y].push_back(static_cast<png_byte>(value & 0xff));
    }
    pointers.push_back(rows[y].data());
  }
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return made;
}

inline std::string jpeg_file(unsigned width, unsigned height, int channels,
                             const std::vector<unsigned>& values, bool progressive = false) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = width;
  info.image_height = height;
  info.input_components = channels;
  info.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  const std::size_t in_row = std::size_t{width} * static_cast<std::size_t>(channels);
  for (std::size_t y = 0; y < height; ++y) {
    std::vector<unsigned char> row;
    for (std::size_t i = 0; i < in_row; ++i)
      row.push_back(static_cast<unsigned char>(values[y * in_row + i]));
    unsigned char* pointer = row.data();
    jpeg_write_scanlines(&info, &pointer, 1);
  }
  jpeg_finish_compress(&info);
  std::string made(reinterpret_cast<const char*>(bytes), size);
  jpeg_destroy_compress(&info);
  std::free(bytes);
  return made;
}

}  // namespace tributary
