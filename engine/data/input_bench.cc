// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// input_bench DIR [ROUNDS [f32|bf16]]: CPU milliseconds an image of the parts of the input, on one
// thread: medians over rounds through the training and the validation images of a COCO folder.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "core/error.h"
#include "data/sample.h"
#include "loss/matcher.h"

namespace {

double CpuMilliseconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return 1e3 * static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_nsec);
}

void Report(const char* what, int rounds, int64_t images, const std::function<void(int)>& round) {
  std::vector<double> ms;
  for (int i = 0; i <= rounds; ++i) {
    const double start = CpuMilliseconds();
    round(i);
    if (i > 0) ms.push_back((CpuMilliseconds() - start) / static_cast<double>(images));
  }
  std::sort(ms.begin(), ms.end());
  std::printf("%-24s %.3f ms (min %.3f)\n", what, ms[ms.size() / 2], ms.front());
}

ssd::CocoIndex Load(const std::string& dir, const char* split) {
  const ssd::CocoPaths paths = ssd::ResolveCoco(dir, split);
  return ssd::CocoIndex::Load(paths.annotations, paths.images);
}

void Run(const std::string& dir, int rounds, ssd::DType type) {
  ssd::DataOptions options;
  options.format = {type, 4};
  std::vector<uint8_t> image(ssd::ImageBytes(options.format));
  std::vector<int32_t> label(ssd::kDefaultBoxes);
  std::vector<float> offset(ssd::kDefaultBoxes * 4);
  ssd::SampleMaker maker;
  const ssd::CocoIndex train = Load(dir, "train"), val = Load(dir, "val");
  Report("train", rounds, static_cast<int64_t>(train.with_boxes().size()), [&](int round) {
    for (const int32_t i : train.with_boxes()) {
      maker.PrepareTrainSample(train, i, options, static_cast<uint32_t>(round), image.data(), label,
                               offset);
    }
  });
  Report("val", rounds, val.size(), [&](int) {
    for (int64_t i = 0; i < val.size(); ++i) {
      maker.PrepareEvalSample(val, i, options.format, image.data());
    }
  });
  std::vector<ssd::SampleRecord> drawn;
  for (const int32_t i : train.with_boxes()) {
    maker.Draw(train, i, {train.width(i), train.height(i)}, options, 0);
    drawn.push_back(maker.record());
  }
  Report("train: targets", rounds, static_cast<int64_t>(drawn.size()), [&](int) {
    for (const auto& r : drawn) ssd::EncodeTargets(r.boxes, r.labels, label, offset);
  });
  ssd::FileBytes file;
  ssd::JpegDecoder decoder;
  ssd::ImageRenderer renderer;
  Report("val: read, decode", rounds, val.size(), [&](int) {
    for (int64_t i = 0; i < val.size(); ++i) {
      const std::string path = val.ImagePath(i);
      const ssd::ImageSize size = decoder.Open(file.Read(path), path);
      decoder.Decode({0, 0, size.width, size.height});
    }
  });
  const std::vector<uint8_t> pixels(size_t{640} * 480 * 4, 99);
  const ssd::ColorJitter color{0.1f, 1.2f, 0.9f, 1.1f};
  for (const auto& [w, h] : {std::pair{416, 312}, {640, 480}, {200, 150}}) {
    const ssd::PixelView view{pixels.data(), 640 * 4, w, h};
    Report(("render " + std::to_string(w) + " x " + std::to_string(h)).c_str(), rounds, 20,
           [&](int) {
             for (int i = 0; i < 20; ++i) {
               renderer.Render(view, true, &color, options.format, image.data());
             }
           });
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: input_bench DIR [ROUNDS [f32|bf16]]\n");
    return 2;
  }
  const bool f32 = argc > 3 && std::string(argv[3]) == "f32";
  try {
    Run(argv[1], argc > 2 ? std::max(std::atoi(argv[2]), 1) : 9,
        f32 ? ssd::DType::kF32 : ssd::DType::kBF16);
  } catch (const ssd::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
