// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// A window of an image is what the whole image holds there. Input: four bytes for the window, then
// the file.
#include <algorithm>
#include <cstring>
#include <vector>

#include "data/jpeg.h"
#include "fuzz/fuzz.h"

namespace ssd {
namespace {

constexpr int64_t kMaxPixels = 1 << 18;  // more is only slow

// Begin and end of a part of n, by two bytes.
std::pair<int32_t, int32_t> Part(int32_t n, uint8_t from, uint8_t length) {
  const int32_t begin = n * from / 256;
  return {begin, begin + 1 + (n - begin - 1) * length / 255};
}

// Rows of the view, without the byte that means nothing.
std::vector<uint8_t> Pixels(const PixelView& view, const PixelWindow& w) {
  std::vector<uint8_t> out;
  for (int32_t y = w.y0; y < w.y1; ++y) {
    for (int32_t x = w.x0; x < w.x1; ++x) {
      const uint8_t* p = view.data + y * view.stride + 4 * x;
      out.insert(out.end(), p, p + 3);
    }
  }
  return out;
}

void Decode(JpegDecoder& decoder, const uint8_t* window, std::span<const uint8_t> bytes) {
  const ImageSize size = decoder.Open(bytes, "fuzz.jpg");
  FUZZ_CHECK(size.width > 0 && size.height > 0);
  if (static_cast<int64_t>(size.width) * size.height > kMaxPixels) return;
  const auto [x0, x1] = Part(size.width, window[0], window[1]);
  const auto [y0, y1] = Part(size.height, window[2], window[3]);
  const PixelWindow part = {x0, y0, x1, y1};
  const PixelView whole = decoder.Decode({0, 0, size.width, size.height});
  FUZZ_CHECK(whole.width == size.width && whole.height == size.height);
  const std::vector<uint8_t> want = Pixels(whole, part);
  decoder.Open(bytes, "fuzz.jpg");
  const PixelView view = decoder.Decode(part);
  FUZZ_CHECK(view.width == part.width() && view.height == part.height());
  FUZZ_CHECK(Pixels(view, {0, 0, part.width(), part.height()}) == want);
}

}  // namespace
}  // namespace ssd

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static ssd::JpegDecoder decoder;
  if (size < 4) return 0;
  ssd::fuzz::Reads([&] { ssd::Decode(decoder, data, {data + 4, size - 4}); });
  return 0;
}
