// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// How a device makes its own input: from decoded images, beside what the backend is doing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace ssd {

// What becomes of a decoded image: spec section 2, steps 2 to 6, with the drawn numbers in it.
struct RenderTask {
  const uint8_t* pixels;  // first byte of the crop: red, green, blue[, x], row by row
  int32_t stride;         // bytes from row to row
  int32_t pixel_bytes;    // 3 or 4
  int32_t width, height;  // of the crop, up to 65535; 0: the image is all zero
  int32_t mirror, jitter;
  float matrix[9];        // hue and saturation, row-major
  float contrast, shift;  // v becomes contrast v + shift
};

// An image of a batch. task.pixels is the renderer's to set.
struct InputImage {
  RenderTask task;
  // What is uploaded: [rows][task.stride] of pixels; empty: the image is in `home` already.
  std::span<const uint8_t> host;
  uint8_t* home = nullptr;  // device memory for it, to stay there; null: only for this batch
  size_t crop = 0;          // the crop's first byte within it
  // Of which its targets are made: ltrb relative to the crop, mirrored with it. Read by Start.
  std::span<const std::array<float, 4>> boxes = {};
  std::span<const int32_t> labels = {};
};

// Host memory for uploads.
using HostBytes = std::unique_ptr<uint8_t[], void (*)(uint8_t*)>;

// What targets (spec section 3) are made of. Read when the renderer is made.
struct TargetDesc {
  // In centre form and in corner form: see loss/default_boxes.h.
  std::span<const std::array<float, 4>> default_boxes, default_corners;
  int64_t most_boxes = 0;  // of an image
};

struct BatchRendererDesc {
  int64_t batch;
  int32_t side;                      // rows and columns of the network's image
  std::array<float, 3> mean, scale;  // a value 0..255 becomes (v - mean) * scale, by colour
  size_t cache_bytes;                // of device memory for images that stay
  TargetDesc targets = {};           // without default boxes: none are made
};

// Uploads batches in the order they are started, renders them and encodes their targets, on a
// stream of its own: the next one while the backend works on this one. Used by the backend's
// thread; must not outlive the backend.
class BatchRenderer {
 public:
  virtual ~BatchRenderer() = default;
  // Page-locked, so that uploads go on by themselves.
  virtual HostBytes AllocateHost(size_t bytes) = 0;
  // The desc's cache_bytes, for homes. Not the host's to touch.
  virtual std::span<uint8_t> cache() = 0;
  // A batch; enqueued: the images' host bytes belong to the renderer until AwaitUploads. REQUIRES:
  // at most one batch that was started and not taken.
  virtual void Start(std::span<const InputImage> images) = 0;
  virtual void AwaitUploads() = 0;  // of all that was started
  // Enqueued on the backend: the oldest batch that was started becomes the network's. image:
  // Layout::kImage; label [batch, 8732] and offset [batch, 8732, 4] if there are targets; all of
  // the device.
  virtual void Take(void* image, void* label, void* offset) = 0;
  // Forgets what was started and not taken. Waits for its uploads.
  virtual void Drop() = 0;
};

}  // namespace ssd
