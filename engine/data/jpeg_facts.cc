// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/jpeg_facts.h"

#include <algorithm>
#include <cstring>

namespace ssd {
namespace {

using Bytes = std::span<const uint8_t>;

// A number of n bytes at `at`; 0 beyond the end.
uint32_t Number(Bytes b, size_t at, size_t n, bool little) {
  if (at > b.size() || n > b.size() - at) return 0;
  uint32_t value = 0;
  for (size_t i = 0; i < n; ++i) value = value << 8 | b[at + (little ? n - 1 - i : i)];
  return value;
}

// The orientation of an APP1 segment: "Exif\0\0" and a TIFF file whose first directory may have tag
// 0x112, of type SHORT.
int Orientation(Bytes segment) {
  constexpr size_t kHead = 6, kEntry = 12;
  if (segment.size() < kHead + 8 || std::memcmp(segment.data(), "Exif\0", kHead) != 0) return 0;
  const Bytes tiff = segment.subspan(kHead);
  const bool little = tiff[0] == 'I';
  const size_t directory = Number(tiff, 4, 4, little);
  const size_t entries = Number(tiff, directory, 2, little);
  for (size_t i = 0; i < entries; ++i) {
    const size_t at = directory + 2 + i * kEntry;
    if (at >= tiff.size()) return 0;
    if (Number(tiff, at, 2, little) != 0x112) continue;
    const uint32_t value = Number(tiff, at + 8, 2, little);
    return value <= 8 ? static_cast<int>(value) : 0;
  }
  return 0;
}

bool IsFrame(uint8_t marker) {  // SOF0 .. SOF15 without DHT, JPG and DAC
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

}  // namespace

JpegFacts ReadJpegFacts(Bytes bytes) {
  JpegFacts facts;
  const size_t n = bytes.size();
  facts.ended = n >= 2 && bytes[n - 2] == 0xFF && bytes[n - 1] == 0xD9;
  for (size_t at = 2; at + 4 <= n;) {
    if (bytes[at] != 0xFF) return facts;
    const uint8_t marker = bytes[at + 1];
    if (marker == 0xFF) {  // a fill byte
      ++at;
      continue;
    }
    if (marker == 0xDA) return facts;  // pictures follow
    const size_t size = Number(bytes, at + 2, 2, false);
    const Bytes segment = bytes.subspan(at + 4, std::min(size < 2 ? 0 : size - 2, n - at - 4));
    if (IsFrame(marker) && segment.size() >= 6) facts.components = segment[5];
    if (marker == 0xE1 && facts.orientation == 0) facts.orientation = Orientation(segment);
    at += 2 + std::max<size_t>(size, 2);
  }
  return facts;
}

}  // namespace ssd
