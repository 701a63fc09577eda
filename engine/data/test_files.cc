// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/test_files.h"

// jpeglib.h needs size_t and FILE.
#include <cstdio>
#include <cstdlib>
// clang-format off
#include <jpeglib.h>
// clang-format on
#include <cmath>
#include <filesystem>
#include <sstream>

#include "core/philox.h"

namespace ssd {
namespace {

// A smooth picture with some hard edges and a little noise, `channels` bytes a pixel.
std::vector<uint8_t> DrawPicture(int width, int height, int channels, uint32_t seed) {
  Philox random(seed, Purpose::kSynthetic, 0, 0);
  std::vector<float> phase(static_cast<size_t>(channels) * 3);
  for (float& p : phase) p = random.Uniform(0.02f, 0.3f);
  std::vector<uint8_t> picture(static_cast<size_t>(width) * height * channels);
  size_t at = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const float* p = &phase[c * 3];
        float v = 128 + 70 * std::sin(p[0] * x + p[1] * y) + 40 * std::cos(p[2] * (x - y));
        if ((x / 11 + y / 7) % 5 == c) v += 60;
        v += random.Uniform(-8, 8);
        picture[at++] = static_cast<uint8_t>(std::clamp(v, 0.0f, 255.0f));
      }
    }
  }
  return picture;
}

struct SpaceInfo {
  int channels;
  J_COLOR_SPACE in, stored;
  int h, v;  // sampling factors of the first component
};

SpaceInfo InfoOf(JpegSpace space) {
  switch (space) {
    case JpegSpace::kGray:
      return {1, JCS_GRAYSCALE, JCS_GRAYSCALE, 1, 1};
    case JpegSpace::kYcc444:
      return {3, JCS_RGB, JCS_YCbCr, 1, 1};
    case JpegSpace::kYcc422:
      return {3, JCS_RGB, JCS_YCbCr, 2, 1};
    case JpegSpace::kYcc440:
      return {3, JCS_RGB, JCS_YCbCr, 1, 2};
    case JpegSpace::kYcc420:
      return {3, JCS_RGB, JCS_YCbCr, 2, 2};
    case JpegSpace::kYcc411:
      return {3, JCS_RGB, JCS_YCbCr, 4, 1};
    case JpegSpace::kRgb:
      return {3, JCS_RGB, JCS_RGB, 1, 1};
    case JpegSpace::kCmyk:
    case JpegSpace::kPlainCmyk:
      return {4, JCS_CMYK, JCS_CMYK, 1, 1};
    case JpegSpace::kYcck:
      return {4, JCS_CMYK, JCS_YCCK, 2, 2};
  }
  std::abort();
}

}  // namespace

std::optional<std::string> TinyCoco() {
  const std::string path = SSD_SHARED_DIR "/tiny-coco2017";
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

std::vector<uint8_t> EncodeTestJpeg(const TestJpeg& options) {
  const SpaceInfo info = InfoOf(options.space);
  const auto picture = DrawPicture(options.width, options.height, info.channels, options.seed);
  jpeg_compress_struct c;
  jpeg_error_mgr errors;
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&c, &memory, &size);
  c.image_width = static_cast<JDIMENSION>(options.width);
  c.image_height = static_cast<JDIMENSION>(options.height);
  c.input_components = info.channels;
  c.in_color_space = info.in;
  jpeg_set_defaults(&c);
  jpeg_set_colorspace(&c, info.stored);
  jpeg_set_quality(&c, options.quality, TRUE);
  c.comp_info[0].h_samp_factor = info.h;
  c.comp_info[0].v_samp_factor = info.v;
  if (options.space == JpegSpace::kYcck) {
    c.comp_info[3].h_samp_factor = info.h;
    c.comp_info[3].v_samp_factor = info.v;
  }
  if (options.space == JpegSpace::kPlainCmyk) c.write_Adobe_marker = FALSE;
  c.restart_interval = static_cast<unsigned>(options.restart_interval);
  if (options.progressive) jpeg_simple_progression(&c);
  jpeg_start_compress(&c, TRUE);
  if (options.exif_rotated) {
    // TIFF, big-endian, one entry: orientation (0x0112), short, 1 value, 6 = a quarter turn.
    static const unsigned char exif[] =
        "Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"
        "\x06\0\0\0\0\0";
    jpeg_write_marker(&c, JPEG_APP0 + 1, exif, sizeof exif);
  }
  const size_t stride = static_cast<size_t>(options.width) * info.channels;
  while (c.next_scanline < c.image_height) {
    JSAMPROW row = const_cast<uint8_t*>(&picture[c.next_scanline * stride]);
    jpeg_write_scanlines(&c, &row, 1);
  }
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  std::vector<uint8_t> bytes(memory, memory + size);
  std::free(memory);
  return bytes;
}

namespace {

constexpr JpegSpace kDatasetSpaces[] = {JpegSpace::kYcc420, JpegSpace::kGray, JpegSpace::kYcc444,
                                        JpegSpace::kCmyk};

void MakeTestSplit(const std::string& dir, const std::string& split, int images, bool skip_boxes) {
  const auto folder = std::filesystem::path(dir) / (split + "2017");
  std::ostringstream list, boxes;
  const char* comma = "";
  for (int i = 0; i < images; ++i) {
    const TestJpeg jpeg{.width = 80 + i * 13 % 60,
                        .height = 60 + i * 7 % 50,
                        .space = kDatasetSpaces[i % 4],
                        .progressive = i % 5 == 0,
                        .seed = static_cast<uint32_t>(i + 1)};
    const auto bytes = EncodeTestJpeg(jpeg);
    const std::string name = std::to_string(i) + ".jpg";
    WriteFile(folder / name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    list << (i > 0 ? "," : "") << R"({"id":)" << 100 + i << R"(,"file_name":")" << name
         << R"(","width":)" << jpeg.width << R"(,"height":)" << jpeg.height << "}";
    if (skip_boxes && i % 10 == 9) continue;
    for (int k = 0; k <= i % 4; ++k, comma = ",") {
      boxes << comma << R"({"image_id":)" << 100 + i << R"(,"bbox":[)" << 5 + 9 * k << ",6.5,"
            << 20 + i % 30 << "," << 18 + 8 * k << R"(],"category_id":)" << k % 3 + 1 << "}";
    }
  }
  WriteFile(dir + "/annotations/instances_" + split + "2017.json",
            R"({"images":[)" + list.str() + R"(],"annotations":[)" + boxes.str() +
                R"(],"categories":[{"id":1},{"id":2},{"id":3}]})");
}

}  // namespace

void MakeTestDataset(const std::string& dir, int train_images, int val_images) {
  MakeTestSplit(dir, "train", train_images, true);
  MakeTestSplit(dir, "val", val_images, false);
}

}  // namespace ssd
