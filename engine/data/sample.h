// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/file_bytes.h"
#include "data/augment.h"
#include "data/coco_index.h"
#include "data/dataset.h"
#include "data/decoded_cache.h"
#include "data/jpeg.h"
#include "data/render.h"
#include "data/ssd_crop.h"

namespace ssd {

// What was drawn for a sample and what is left of its boxes.
struct SampleRecord {
  Crop crop{0, {}};
  PixelWindow pixels{};
  bool flip = false;
  ColorJitter color;
  std::vector<CornerBox> boxes;  // ltrb relative to the crop, mirrored with it
  std::vector<int32_t> labels;   // 1 .. 80
};

// Bytes of one image of this format.
size_t ImageBytes(const ImageFormat& format);

// Turns an entry of the index into network input; holds the buffers for that. One a thread. Throws
// Status::kData naming the image file when it cannot be used.
class SampleMaker {
 public:
  // cache: the host's, of the training images; must outlive the maker. A sample is the same with
  // and without.
  explicit SampleMaker(DecodedCache* cache = nullptr) : cache_(cache) {}

  // Spec sections 2 and 3. All random numbers come from (options.seed, epoch, image id), whatever
  // thread or rank does it. image: ImageBytes; label [8732]; offset [8732 * 4]. REQUIRES: the image
  // has a box.
  void PrepareTrainSample(const CocoIndex& index, int64_t image, const DataOptions& options,
                          uint32_t epoch, void* out, std::span<int32_t> label,
                          std::span<float> offset);
  // Spec section 8: decoded whole, resized, normalised.
  void PrepareEvalSample(const CocoIndex& index, int64_t image, const ImageFormat& format,
                         void* out);
  const SampleRecord& record() const { return record_; }  // of the last sample

  // The parts of both, for those who render elsewhere: the file's header; the draws or the whole
  // image as it is, into record(); the pixels, once for each Open.
  ImageSize Open(const CocoIndex& index, int64_t image);
  void Draw(const CocoIndex& index, int64_t image, const ImageSize& size,
            const DataOptions& options, uint32_t epoch);
  void TakeWhole(const CocoIndex& index, int64_t image, const ImageSize& size);
  std::span<const uint8_t> file() const { return bytes_; }  // the opened one
  bool plain() const { return decoder_.plain(); }           // see JpegDecoder
  PixelView DecodeCrop() { return decoder_.Decode(record_.pixels); }
  // Nothing if the file can be decoded in parts at most: it is open again then.
  std::optional<PixelView> DecodeWhole(const CocoIndex& index, int64_t image,
                                       const ImageSize& size);

 private:
  PixelView Decode(const CocoIndex& index, int64_t image, const ImageSize& size);

  DecodedCache* const cache_;
  FileBytes file_;
  std::span<const uint8_t> bytes_;
  JpegDecoder decoder_;
  ImageRenderer renderer_;
  SampleRecord record_;
};

}  // namespace ssd
