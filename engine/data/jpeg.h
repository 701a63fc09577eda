// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace ssd {

struct ImageSize {
  int32_t width, height;  // pixels
};
// Columns x0 .. x1-1 and rows y0 .. y1-1.
struct PixelWindow {
  int32_t x0, y0, x1, y1;
  int32_t width() const { return x1 - x0; }
  int32_t height() const { return y1 - y0; }
};
// 8-bit pixels: red, green, blue and, of four bytes, one without meaning.
struct PixelView {
  const uint8_t* data;
  int64_t stride;  // bytes from row to row
  int32_t width, height;
  int32_t pixel_bytes = 4;  // or 3

  // REQUIRES: a window within.
  PixelView Part(const PixelWindow& window) const {
    return {data + window.y0 * stride + window.x0 * pixel_bytes, stride, window.width(),
            window.height(), pixel_bytes};
  }
};

// Decodes JPEGs of every colour space libjpeg knows (grayscale, YCbCr, RGB, CMYK, YCCK; the last
// two inverted if Adobe's marker says so) to RGB. EXIF orientation is ignored (spec section 1).
// Keeps its buffers from image to image. One decoder a thread.
class JpegDecoder {
 public:
  JpegDecoder();
  ~JpegDecoder();
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  // Reads the header only. bytes must live until the last Decode. Throws Status::kData beginning
  // with `name` when they are empty, no JPEG, or of more than 64 Mi pixels.
  ImageSize Open(std::span<const uint8_t> bytes, std::string_view name);

  // Whether the opened file is what every decoder of a device takes: baseline, Huffman-coded,
  // grayscale or YCbCr, with its end.
  bool plain() const;

  // The window of the opened image in four bytes a pixel, bit for bit what it is in the whole
  // image. REQUIRES: a window within the image, not empty; once for each Open. Rows below the
  // window are not decoded, unless the file seems to be cut off. The view is valid until the next
  // call. Throws Status::kData when data are missing or corrupt.
  PixelView Decode(const PixelWindow& window);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ssd
