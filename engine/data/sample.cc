// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/sample.h"

#include "backends/backend.h"
#include "core/error.h"
#include "loss/matcher.h"

namespace ssd {

size_t ImageBytes(const ImageFormat& format) {
  return SizeOf(format.dtype) * static_cast<size_t>(format.channels) * kImageSide * kImageSide;
}

ImageSize SampleMaker::Open(const CocoIndex& index, int64_t image) {
  const std::string path = index.ImagePath(image);
  bytes_ = file_.Read(path);
  return decoder_.Open(bytes_, path);
}

void SampleMaker::Draw(const CocoIndex& index, int64_t image, const ImageSize& size,
                       const DataOptions& options, uint32_t epoch) {
  const auto random = [&](Purpose purpose) {
    return Philox(options.seed, purpose, epoch, static_cast<uint64_t>(index.image_id(image)));
  };
  Philox crop_random = random(Purpose::kCrop), flip_random = random(Purpose::kFlip),
         color_random = random(Purpose::kColor);
  SampleRecord& r = record_;
  r.crop = DrawCrop(crop_random, options.max_samples, index.Boxes(image), index.Labels(image),
                    &r.boxes, &r.labels);
  r.pixels = ToPixels(r.crop.window, size);
  r.flip = flip_random.Uniform() < 0.5f;
  r.color = DrawColor(color_random);
  if (r.flip) MirrorBoxes(r.boxes);
}

std::optional<PixelView> SampleMaker::DecodeWhole(const CocoIndex& index, int64_t image,
                                                  const ImageSize& size) {
  try {
    return decoder_.Decode({0, 0, size.width, size.height});
  } catch (const Error& e) {
    if (e.status() != Status::kData) throw;
    Open(index, image);
    return std::nullopt;
  }
}

// The window of the record, by way of the cache if that has room.
PixelView SampleMaker::Decode(const CocoIndex& index, int64_t image, const ImageSize& size) {
  uint8_t* pixels = cache_ == nullptr ? nullptr : cache_->Reserve(image, size);
  const auto whole = pixels == nullptr ? std::nullopt : DecodeWhole(index, image, size);
  if (!whole) return DecodeCrop();
  CopyRgb(*whole, pixels);
  cache_->Publish(image);
  return cache_->Find(image)->Part(record_.pixels);
}

void SampleMaker::PrepareTrainSample(const CocoIndex& index, int64_t image,
                                     const DataOptions& options, uint32_t epoch, void* out,
                                     std::span<int32_t> label, std::span<float> offset) {
  const auto kept = cache_ == nullptr ? std::nullopt : cache_->Find(image);
  const ImageSize size = kept ? ImageSize{kept->width, kept->height} : Open(index, image);
  const SampleRecord& r = record_;
  Draw(index, image, size, options, epoch);
  const PixelView crop = kept ? kept->Part(r.pixels) : Decode(index, image, size);
  renderer_.Render(crop, r.flip, &r.color, options.format, out);
  EncodeTargets(r.boxes, r.labels, label, offset);
}

void SampleMaker::TakeWhole(const CocoIndex& index, int64_t image, const ImageSize& size) {
  record_.crop = {0, {}};
  record_.pixels = {0, 0, size.width, size.height};
  record_.flip = false;
  record_.color = {};
  record_.boxes.assign(index.Boxes(image).begin(), index.Boxes(image).end());
  record_.labels.assign(index.Labels(image).begin(), index.Labels(image).end());
}

void SampleMaker::PrepareEvalSample(const CocoIndex& index, int64_t image,
                                    const ImageFormat& format, void* out) {
  TakeWhole(index, image, Open(index, image));
  renderer_.Render(decoder_.Decode(record_.pixels), false, nullptr, format, out);
}

}  // namespace ssd
