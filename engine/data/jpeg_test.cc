// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/jpeg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "core/file_bytes.h"
#include "core/philox.h"
#include "data/test_files.h"

namespace ssd {
namespace {

using testing::HasSubstr;

constexpr JpegSpace kSpaces[] = {JpegSpace::kGray,     JpegSpace::kYcc444, JpegSpace::kYcc422,
                                 JpegSpace::kYcc440,   JpegSpace::kYcc420, JpegSpace::kYcc411,
                                 JpegSpace::kRgb,      JpegSpace::kCmyk,   JpegSpace::kYcck,
                                 JpegSpace::kPlainCmyk};

// Packed RGB of a view.
std::vector<uint8_t> Packed(const PixelView& view) {
  std::vector<uint8_t> rgb;
  for (int32_t y = 0; y < view.height; ++y) {
    for (int32_t x = 0; x < view.width; ++x) {
      const uint8_t* p = view.data + y * view.stride + x * 4;
      rgb.insert(rgb.end(), p, p + 3);
    }
  }
  return rgb;
}

std::vector<uint8_t> Cut(const std::vector<uint8_t>& rgb, int32_t width, const PixelWindow& w) {
  std::vector<uint8_t> cut;
  for (int32_t y = w.y0; y < w.y1; ++y) {
    const auto row = rgb.begin() + (int64_t{y} * width + w.x0) * 3;
    cut.insert(cut.end(), row, row + w.width() * 3);
  }
  return cut;
}

std::vector<uint8_t> DecodeAll(JpegDecoder& decoder, const std::vector<uint8_t>& bytes) {
  const ImageSize size = decoder.Open(bytes, "test.jpg");
  return Packed(decoder.Decode({0, 0, size.width, size.height}));
}

PixelWindow RandomWindow(Philox& random, const ImageSize& size) {
  const auto pick = [&](int32_t n) { return static_cast<int32_t>(random.Below(n)); };
  const int32_t x0 = pick(size.width), y0 = pick(size.height);
  return {x0, y0, x0 + 1 + pick(size.width - x0), y0 + 1 + pick(size.height - y0)};
}

TEST(Jpeg, WindowsEqualTheWholeImage) {
  JpegDecoder decoder;
  Philox random(1, Purpose::kCrop, 0, 0);
  for (const JpegSpace space : kSpaces) {
    for (const bool progressive : {false, true}) {
      for (const auto& [w, h] : {std::pair{199, 131}, {64, 64}, {17, 33}, {1, 1}, {40, 3}}) {
        const TestJpeg options{.width = w,
                               .height = h,
                               .space = space,
                               .progressive = progressive,
                               .restart_interval = w == 64 ? 3 : 0};
        const auto bytes = EncodeTestJpeg(options);
        const auto whole = DecodeAll(decoder, bytes);
        for (int i = 0; i < 40; ++i) {
          const ImageSize size = decoder.Open(bytes, "test.jpg");
          ASSERT_EQ(size.width, w);
          ASSERT_EQ(size.height, h);
          const PixelWindow window = RandomWindow(random, size);
          ASSERT_EQ(Packed(decoder.Decode(window)), Cut(whole, w, window))
              << "space " << static_cast<int>(space) << " progressive " << progressive << " " << w
              << "x" << h << " window " << window.x0 << "," << window.y0 << "," << window.x1 << ","
              << window.y1;
        }
      }
    }
  }
}

TEST(Jpeg, WindowsOfRealImagesEqualTheWholeImage) {
  const auto root = TinyCoco();
  if (!root) GTEST_SKIP() << "no tiny-coco2017 in " SSD_SHARED_DIR;
  JpegDecoder decoder;
  FileBytes file;
  Philox random(2, Purpose::kCrop, 0, 0);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*root + "/train2017")) {
    const auto span = file.Read(entry.path());
    const std::vector<uint8_t> bytes(span.begin(), span.end());
    const auto whole = DecodeAll(decoder, bytes);
    for (int i = 0; i < 4; ++i) {
      const ImageSize size = decoder.Open(bytes, entry.path().string());
      const PixelWindow window = RandomWindow(random, size);
      ASSERT_EQ(Packed(decoder.Decode(window)), Cut(whole, size.width, window)) << entry.path();
    }
    ++files;
  }
  EXPECT_EQ(files, 50);
}

// The picture before compression is (128 + ...) per channel; at quality 100 without subsampling a
// decoder may be off by a few levels, an inverted or swapped channel by a hundred.
TEST(Jpeg, ColorsOfEverySpaceAreRight) {
  JpegDecoder decoder;
  const auto rgb = DecodeAll(decoder, EncodeTestJpeg({.space = JpegSpace::kRgb, .quality = 100}));
  const auto ycc =
      DecodeAll(decoder, EncodeTestJpeg({.space = JpegSpace::kYcc444, .quality = 100}));
  ASSERT_EQ(rgb.size(), ycc.size());
  for (size_t i = 0; i < rgb.size(); ++i) ASSERT_NEAR(rgb[i], ycc[i], 5) << i;

  const auto gray = DecodeAll(decoder, EncodeTestJpeg({.space = JpegSpace::kGray}));
  for (size_t i = 0; i < gray.size(); i += 3) {
    ASSERT_EQ(gray[i], gray[i + 1]);
    ASSERT_EQ(gray[i], gray[i + 2]);
  }

  // With Adobe's marker a stored 255 is no ink, without it full ink.
  const auto cmyk = DecodeAll(decoder, EncodeTestJpeg({.space = JpegSpace::kCmyk, .quality = 100}));
  const auto ycck = DecodeAll(decoder, EncodeTestJpeg({.space = JpegSpace::kYcck, .quality = 100}));
  double difference = 0;
  for (size_t i = 0; i < cmyk.size(); ++i) difference += std::abs(cmyk[i] - ycck[i]);
  EXPECT_LT(difference / static_cast<double>(cmyk.size()), 12);  // chroma is subsampled in YCCK
}

TEST(Jpeg, CmykIsInkTimesBlack) {
  JpegDecoder decoder;
  const auto marked = EncodeTestJpeg({.space = JpegSpace::kCmyk, .quality = 100});
  auto plain = EncodeTestJpeg({.space = JpegSpace::kPlainCmyk, .quality = 100});
  const auto a = DecodeAll(decoder, marked), b = DecodeAll(decoder, plain);
  ASSERT_EQ(a.size(), b.size());
  // The same stored values c and k: a = c k / 255, b = (255 - c)(255 - k) / 255. The sum of both is
  // 255 - c - k + 2 c k / 255, within 0 .. 255; where a is bright, c and k are both high, so b is
  // dark.
  int bright = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_LE(a[i] + b[i], 256);
    if (a[i] > 200) {
      ++bright;
      EXPECT_LT(b[i], 13);  // c, k > 200
    }
  }
  EXPECT_GT(bright, 20);
}

TEST(Jpeg, IgnoresExifOrientation) {
  JpegDecoder decoder;
  const auto plain = EncodeTestJpeg({.width = 50, .height = 20});
  const auto rotated = EncodeTestJpeg({.width = 50, .height = 20, .exif_rotated = true});
  ASSERT_GT(rotated.size(), plain.size());
  const ImageSize size = decoder.Open(rotated, "r.jpg");
  EXPECT_EQ(size.width, 50);
  EXPECT_EQ(size.height, 20);
  EXPECT_EQ(DecodeAll(decoder, rotated), DecodeAll(decoder, plain));
}

TEST(Jpeg, RefusesWhatIsNoCompleteJpeg) {
  JpegDecoder decoder;
  const auto error = [&](const std::vector<uint8_t>& bytes, const PixelWindow& window) {
    std::string message = ErrorOf(Status::kData, [&] {
      decoder.Open(bytes, "some/file.jpg");
      decoder.Decode(window);
    });
    EXPECT_THAT(message, testing::StartsWith("some/file.jpg: "));
    return message;
  };
  const PixelWindow all{0, 0, 64, 48}, corner{0, 0, 8, 8};
  EXPECT_THAT(error({}, all), HasSubstr("empty"));
  EXPECT_THAT(error({0x89, 'P', 'N', 'G'}, all), HasSubstr("no JPEG"));
  EXPECT_THAT(error({0xFF, 0xD8, 0xFF, 0xD9}, all), HasSubstr("cannot be decoded"));
  for (const bool progressive : {false, true}) {
    const auto bytes = EncodeTestJpeg({.progressive = progressive});
    // Also where the window itself is whole: the same file is bad in every epoch.
    for (size_t n = 3; n + 2 < bytes.size(); n += 7) {
      const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<int64_t>(n));
      error(cut, corner);
    }
  }
  auto huge = EncodeTestJpeg({});
  const uint8_t sof0[] = {0xFF, 0xC0};
  const auto at = std::search(huge.begin(), huge.end(), sof0, sof0 + 2);
  ASSERT_NE(at, huge.end());
  for (int i = 5; i < 9; ++i) at[i] = 0xFF;
  EXPECT_THAT(error(huge, all), HasSubstr("pixels"));
  for (int i = 5; i < 9; ++i) at[i] = 0;
  error(huge, all);
}

// Without the segments of that marker.
std::vector<uint8_t> Without(const std::vector<uint8_t>& jpeg, uint8_t marker) {
  std::vector<uint8_t> out(jpeg.begin(), jpeg.begin() + 2);
  size_t i = 2;
  while (jpeg[i + 1] != 0xDA) {
    const size_t next = i + 2 + (jpeg[i + 2] << 8 | jpeg[i + 3]);
    if (jpeg[i + 1] != marker) out.insert(out.end(), jpeg.begin() + i, jpeg.begin() + next);
    i = next;
  }
  out.insert(out.end(), jpeg.begin() + i, jpeg.end());
  return out;
}

TEST(Jpeg, LendsNoTablesOfAnEarlierImage) {
  const auto whole = EncodeTestJpeg({});
  const auto poor = Without(whole, 0xDB);
  ASSERT_LT(poor.size(), whole.size());
  JpegDecoder decoder;
  const ImageSize size = decoder.Open(whole, "whole.jpg");
  decoder.Decode({0, 0, size.width, size.height});
  EXPECT_THAT(ErrorOf(Status::kData,
                      [&] {
                        decoder.Open(poor, "poor.jpg");
                        decoder.Decode({0, 0, size.width, size.height});
                      }),
              testing::StartsWith("poor.jpg: "));
}

TEST(Jpeg, AcceptsBytesBehindTheImage) {
  JpegDecoder decoder;
  auto bytes = EncodeTestJpeg({});
  const auto whole = DecodeAll(decoder, bytes);
  bytes.insert(bytes.end(), 100, 0);
  EXPECT_EQ(DecodeAll(decoder, bytes), whole);
}

// Run under the sanitizers too: whatever the bytes, an image or a clear error, and the decoder
// works on.
TEST(Jpeg, SurvivesMutatedFiles) {
  JpegDecoder decoder;
  Philox random(3, Purpose::kCrop, 0, 0);
  const auto good = EncodeTestJpeg({.width = 40, .height = 30});
  const auto expected = DecodeAll(decoder, good);
  int refused = 0, decoded = 0;
  for (const JpegSpace space : kSpaces) {
    for (const bool progressive : {false, true}) {
      const auto original =
          EncodeTestJpeg({.width = 40, .height = 30, .space = space, .progressive = progressive});
      for (int i = 0; i < 300; ++i) {
        auto bytes = original;
        for (uint32_t n = 1 + random.Below(4); n > 0; --n) {
          // Mostly headers: there lie the sizes and tables.
          const uint32_t reach = random.Below(2) ? 200 : static_cast<uint32_t>(bytes.size());
          bytes[random.Below(std::min<uint32_t>(reach, static_cast<uint32_t>(bytes.size())))] =
              static_cast<uint8_t>(random.Next());
        }
        if (random.Below(4) == 0) bytes.resize(random.Below(static_cast<uint32_t>(bytes.size())));
        try {
          const ImageSize size = decoder.Open(bytes, "m");
          if (int64_t{size.width} * size.height > 1'000'000) continue;
          const auto rgb = Packed(decoder.Decode(RandomWindow(random, size)));
          ++decoded;
        } catch (const Error& e) {
          ASSERT_EQ(e.status(), Status::kData) << e.what();
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(decoded, 500);
  EXPECT_EQ(DecodeAll(decoder, good), expected);
}

}  // namespace
}  // namespace ssd
