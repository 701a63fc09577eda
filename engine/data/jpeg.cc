// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/jpeg.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>
// clang-format off
#include <jpeglib.h>  // needs <cstdio>
#include <jerror.h>
// clang-format on

#include "core/error.h"

namespace ssd {
namespace {

constexpr int64_t kMaxPixels = int64_t{64} << 20;
constexpr int kMaxScans = 500;  // a small progressive file may ask for work without end
// Upsampling of chroma looks this far sideways.
constexpr int32_t kMargin = 2;
constexpr int32_t kBytes = 4;  // a pixel

// Files cut off on the way; libjpeg would fill the rest with grey.
bool IsFatalWarning(int code) {
  return code == JWRN_HIT_MARKER || code == JWRN_JPEG_EOF || code == JWRN_HUFF_BAD_CODE ||
         code == JWRN_ARITH_BAD_CODE;
}

bool EndsLikeJpeg(std::span<const uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[bytes.size() - 2] == 0xFF && bytes.back() == JPEG_EOI;
}

// c*k/255 rounded, in place: libjpeg's CMYK to RGB. Without Adobe's marker 255 is full ink.
void CmykToRgbx(uint8_t* row, int64_t pixels, bool inverted) {
  const uint8_t flip = inverted ? 0 : 255;
  for (int64_t i = 0; i < pixels; ++i, row += kBytes) {
    const int k = row[3] ^ flip;
    for (int c = 0; c < 3; ++c) row[c] = static_cast<uint8_t>(((row[c] ^ flip) * k + 127) / 255);
  }
}

}  // namespace

// libjpeg reports errors by longjmp: between setjmp and a call into libjpeg no object with a
// destructor is made.
struct JpegDecoder::Impl {
  struct Errors : jpeg_error_mgr {
    std::jmp_buf jump;
    char text[JMSG_LENGTH_MAX];
  };

  [[noreturn]] static void OnError(j_common_ptr c) {
    auto* errors = static_cast<Errors*>(c->err);
    errors->format_message(c, errors->text);
    std::longjmp(errors->jump, 1);
  }
  static void OnMessage(j_common_ptr c, int level) {
    if (level < 0 && IsFatalWarning(c->err->msg_code)) OnError(c);
  }
  static void OnProgress(j_common_ptr c) {
    if (reinterpret_cast<j_decompress_ptr>(c)->input_scan_number <= kMaxScans) return;
    auto* errors = static_cast<Errors*>(c->err);
    std::snprintf(errors->text, sizeof errors->text, "more than %d scans", kMaxScans);
    std::longjmp(errors->jump, 1);
  }

  Impl() {
    cinfo.err = jpeg_std_error(&errors);
    errors.error_exit = OnError;
    errors.emit_message = OnMessage;
    errors.output_message = [](j_common_ptr) {};
    progress.progress_monitor = OnProgress;
    if (!Renew()) Throw(Status::kInternal, "libjpeg: %s", errors.text);
  }
  ~Impl() { jpeg_destroy_decompress(&cinfo); }

  // A fresh decompressor: an old one would lend its tables to a file that lacks some.
  bool Renew() {
    if (setjmp(errors.jump)) return false;
    jpeg_destroy_decompress(&cinfo);
    jpeg_create_decompress(&cinfo);
    cinfo.progress = &progress;
    return true;
  }

  bool ReadHeader(const uint8_t* data, size_t size) {
    if (!Renew()) return false;
    if (setjmp(errors.jump)) return false;
    jpeg_mem_src(&cinfo, data, size);
    jpeg_read_header(&cinfo, TRUE);
    return true;
  }

  // Sets the decoder up and chooses the columns; window.x0 is `first` columns right of them.
  bool Start(const PixelWindow& window, int32_t* first, int32_t* columns) {
    if (setjmp(errors.jump)) return false;
    const bool cmyk = cinfo.jpeg_color_space == JCS_CMYK || cinfo.jpeg_color_space == JCS_YCCK;
    cinfo.out_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBX;
    cinfo.do_block_smoothing = FALSE;
    jpeg_start_decompress(&cinfo);
    const int32_t width = static_cast<int32_t>(cinfo.output_width);
    const int32_t left = std::max(window.x0 - kMargin, 0);
    const int32_t right = std::min(window.x1 + kMargin, width);
    JDIMENSION x = static_cast<JDIMENSION>(left), w = static_cast<JDIMENSION>(right - left);
    if (w < cinfo.output_width) jpeg_crop_scanline(&cinfo, &x, &w);
    *first = window.x0 - static_cast<int32_t>(x);
    *columns = static_cast<int32_t>(w);
    return true;
  }

  // Rows y0 .. y1-1 into `rows`; all rows below too, to nowhere, if `to_the_end`.
  bool ReadRows(const PixelWindow& window, uint8_t* rows, int64_t stride, uint8_t* spare,
                bool to_the_end) {
    if (setjmp(errors.jump)) return false;
    if (window.y0 > 0) jpeg_skip_scanlines(&cinfo, static_cast<JDIMENSION>(window.y0));
    const auto end = static_cast<JDIMENSION>(window.y1);
    while (cinfo.output_scanline < end) {
      JSAMPROW pointers[4];
      JDIMENSION n = 0;
      for (; n < 4 && cinfo.output_scanline + n < end; ++n) {
        pointers[n] = rows + (cinfo.output_scanline + n - window.y0) * stride;
      }
      jpeg_read_scanlines(&cinfo, pointers, n);
    }
    while (to_the_end && cinfo.output_scanline < cinfo.output_height) {
      jpeg_read_scanlines(&cinfo, &spare, 1);
    }
    return true;
  }

  [[noreturn]] void Fail() const { Fail(errors.text); }
  [[noreturn]] void Fail(const char* what) const {
    Throw(Status::kData, "%s: the JPEG cannot be decoded: %s", name.c_str(), what);
  }

  jpeg_decompress_struct cinfo{};
  Errors errors;
  jpeg_progress_mgr progress{};
  std::string name;
  bool complete = false;  // the file ends with the end marker
  std::vector<uint8_t> pixels;
};

JpegDecoder::JpegDecoder() : impl_(std::make_unique<Impl>()) {}
JpegDecoder::~JpegDecoder() = default;

ImageSize JpegDecoder::Open(std::span<const uint8_t> bytes, std::string_view name) {
  impl_->name = name;
  if (bytes.empty()) Throw(Status::kData, "%s: the file is empty", impl_->name.c_str());
  if (bytes.size() < 3 || bytes[0] != 0xFF || bytes[1] != 0xD8 || bytes[2] != 0xFF) {
    Throw(Status::kData, "%s: is no JPEG", impl_->name.c_str());
  }
  if (!impl_->ReadHeader(bytes.data(), bytes.size())) impl_->Fail();
  const jpeg_decompress_struct& cinfo = impl_->cinfo;
  if (int64_t{cinfo.image_width} * cinfo.image_height > kMaxPixels) {
    Throw(Status::kData, "%s: %u x %u pixels are more than 64 Mi", impl_->name.c_str(),
          cinfo.image_width, cinfo.image_height);
  }
  if (cinfo.jpeg_color_space == JCS_UNKNOWN) impl_->Fail("its colour space is unknown");
  impl_->complete = EndsLikeJpeg(bytes);
  return {static_cast<int32_t>(cinfo.image_width), static_cast<int32_t>(cinfo.image_height)};
}

bool JpegDecoder::plain() const {
  const jpeg_decompress_struct& c = impl_->cinfo;
  const bool color = c.jpeg_color_space == JCS_YCbCr || c.jpeg_color_space == JCS_GRAYSCALE;
  return impl_->complete && color && c.data_precision == 8 && !c.progressive_mode && !c.arith_code;
}

PixelView JpegDecoder::Decode(const PixelWindow& window) {
  jpeg_decompress_struct& cinfo = impl_->cinfo;
  SSD_CHECK(window.x0 >= 0 && window.y0 >= 0 && window.width() > 0 && window.height() > 0);
  SSD_CHECK(window.x1 <= static_cast<int32_t>(cinfo.image_width));
  SSD_CHECK(window.y1 <= static_cast<int32_t>(cinfo.image_height));
  int32_t first = 0, columns = 0;
  if (!impl_->Start(window, &first, &columns)) impl_->Fail();
  const int64_t stride = int64_t{columns} * kBytes;
  const size_t size = static_cast<size_t>(stride) * (window.height() + 1);
  if (impl_->pixels.size() < size) impl_->pixels.resize(size);
  uint8_t* rows = impl_->pixels.data();
  uint8_t* spare = rows + stride * window.height();
  if (!impl_->ReadRows(window, rows, stride, spare, !impl_->complete)) impl_->Fail();
  if (cinfo.out_color_space == JCS_CMYK) {
    CmykToRgbx(rows, int64_t{columns} * window.height(), cinfo.saw_Adobe_marker);
  }
  return {rows + first * kBytes, stride, window.width(), window.height()};
}

}  // namespace ssd
