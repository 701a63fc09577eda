// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/decoded_cache.h"

#include "core/error.h"

namespace ssd {

DecodedCache::DecodedCache(int64_t images, std::span<uint8_t> memory)
    : memory_(memory), entries_(static_cast<size_t>(images)) {}

std::optional<PixelView> DecodedCache::Find(int64_t image) const {
  std::lock_guard lock(mutex_);
  const Entry& entry = entries_[static_cast<size_t>(image)];
  if (!entry.published) return std::nullopt;
  const auto [width, height] = entry.size;
  return PixelView{memory_.data() + entry.offset, int64_t{3} * width, width, height, 3};
}

uint8_t* DecodedCache::Reserve(int64_t image, ImageSize size) {
  SSD_CHECK(size.width > 0 && size.height > 0);
  const size_t bytes = size_t{3} * static_cast<size_t>(size.width) * size.height;
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[static_cast<size_t>(image)];
  if (entry.size.width > 0 || bytes > memory_.size() - used_) return nullptr;
  entry = {used_, size, false};
  used_ += bytes;
  return memory_.data() + entry.offset;
}

void DecodedCache::Publish(int64_t image) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[static_cast<size_t>(image)];
  SSD_CHECK(entry.size.width > 0 && !entry.published);
  entry.published = true;
}

size_t DecodedCache::used() const {
  std::lock_guard lock(mutex_);
  return used_;
}

void CopyRgb(const PixelView& view, uint8_t* out) {
  for (int32_t y = 0; y < view.height; ++y) {
    const uint8_t* in = view.data + y * view.stride;
    for (int32_t x = 0; x < view.width; ++x) {
      for (int c = 0; c < 3; ++c) out[c] = in[c];
      out += 3;
      in += view.pixel_bytes;
    }
  }
}

}  // namespace ssd
