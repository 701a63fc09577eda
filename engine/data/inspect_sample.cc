// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/inspect_sample.h"

#include <vector>

#include "backends/backend.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "data/sample.h"
#include "loss/matcher.h"

namespace ssd {
namespace {

std::vector<float> PlanesOf(const std::vector<float>& image) {
  constexpr size_t kPixels = size_t{kImageSide} * kImageSide;
  std::vector<float> planes(image.size());
  for (size_t i = 0; i < kPixels; ++i) {
    for (size_t c = 0; c < 3; ++c) planes[c * kPixels + i] = image[i * 3 + c];
  }
  return planes;
}

void WriteSample(const SampleRecord& r, const std::vector<float>& image,
                 const std::vector<int32_t>& label, const std::vector<float>& offset,
                 const std::string& output) {
  const std::vector<float> planes = PlanesOf(image);
  const int32_t pixels[4] = {r.pixels.x0, r.pixels.y0, r.pixels.x1, r.pixels.y1};
  const CropWindow& w = r.crop.window;
  const float crop[4] = {w.left, w.top, w.width, w.height};
  const int32_t option = r.crop.option, flip = r.flip;
  const auto count = static_cast<int64_t>(r.boxes.size());
  TensorWriter writer;
  writer.Add("image", DType::kF32, {3, kImageSide, kImageSide}, planes.data());
  writer.Add("boxes", DType::kF32, {count, 4}, r.boxes.data());
  writer.Add("labels", DType::kI32, {count}, r.labels.data());
  writer.Add("label", DType::kI32, {kDefaultBoxes}, label.data());
  writer.Add("offset", DType::kF32, {kDefaultBoxes, 4}, offset.data());
  writer.Add("crop_pixels", DType::kI32, {4}, pixels);
  writer.Add("crop", DType::kF32, {4}, crop);
  writer.Add("option", DType::kI32, {1}, &option);
  writer.Add("flip", DType::kI32, {1}, &flip);
  writer.Add("hue", DType::kF32, {1}, &r.color.hue);
  writer.Add("saturation", DType::kF32, {1}, &r.color.saturation);
  writer.Add("contrast", DType::kF32, {1}, &r.color.contrast);
  writer.Add("brightness", DType::kF32, {1}, &r.color.brightness);
  writer.Write(output);
}

}  // namespace

void InspectSample(const DataOptions& options, bool train, int64_t epoch, int64_t image_id,
                   const std::string& output) {
  const CocoPaths paths = ResolveCoco(options.dir, train ? "train" : "val");
  const CocoIndex index = CocoIndex::Load(paths.annotations, paths.images);
  const auto image = index.Find(image_id);
  if (!image) {
    Throw(Status::kInvalid, "image id %lld is not in %s", static_cast<long long>(image_id),
          paths.annotations.c_str());
  }
  if (epoch < 1 || epoch > UINT32_MAX) {
    Throw(Status::kInvalid, "epoch %lld: epochs count from 1", static_cast<long long>(epoch));
  }
  if (train && index.Boxes(*image).empty()) {
    Throw(Status::kInvalid, "image id %lld has no box in %s: training leaves it out",
          static_cast<long long>(image_id), paths.annotations.c_str());
  }
  DataOptions f32 = options;
  f32.format = {DType::kF32, 3};
  std::vector<float> pixels(ImageBytes(f32.format) / sizeof(float)), offset(kDefaultBoxes * 4);
  std::vector<int32_t> label(kDefaultBoxes);
  SampleMaker maker;
  if (train) {
    maker.PrepareTrainSample(index, *image, f32, static_cast<uint32_t>(epoch), pixels.data(), label,
                             offset);
  } else {
    maker.PrepareEvalSample(index, *image, f32.format, pixels.data());
    EncodeTargets(maker.record().boxes, maker.record().labels, label, offset);
  }
  WriteSample(maker.record(), pixels, label, offset, output);
}

}  // namespace ssd
