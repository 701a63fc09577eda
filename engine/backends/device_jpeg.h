// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace ssd {

// A JPEG file that is to be decoded into device memory.
struct JpegJob {
  std::span<const uint8_t> file;
  int32_t width, height;  // as its header says
  uint8_t* home;          // where its pixels go; null: memory that lasts until the call after next
  // Set by Decode: [height][width] of red, green, blue; null: this file is for the host.
  uint8_t* pixels = nullptr;
};

// A decoder of the device: whole images, a batch at a time. Used by the backend's thread; must not
// outlive the backend.
class DeviceJpeg {
 public:
  virtual ~DeviceJpeg() = default;
  // Returns when all is decoded. Never fails for a file.
  virtual void Decode(std::span<JpegJob> jobs) = 0;
};

}  // namespace ssd
