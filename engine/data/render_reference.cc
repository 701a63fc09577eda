// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/render_reference.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ssd {

std::vector<double> RenderByLoops(const PixelView& crop, bool mirror, const ColorJitter* color) {
  const auto filter = [](int32_t in, int32_t o) {
    const double scale = in / 300.0, radius = scale > 1 ? scale : 1;
    std::vector<std::pair<int32_t, double>> weights;
    double sum = 0;
    for (int32_t i = 0; i < in; ++i) {
      const double distance = std::abs((i + 0.5) - (o + 0.5) * scale) / radius;
      if (distance >= 1) continue;
      weights.emplace_back(i, 1 - distance);
      sum += 1 - distance;
    }
    for (auto& [i, w] : weights) w /= sum;
    return weights;
  };
  const auto byte = [](double v) { return std::floor(std::min(std::max(v, 0.0), 255.0) + 0.5); };
  std::vector<double> narrow(static_cast<size_t>(crop.height) * 300 * 3);
  for (int32_t x = 0; x < 300; ++x) {
    const auto weights = filter(crop.width, x);
    for (int32_t y = 0; y < crop.height; ++y) {
      for (int c = 0; c < 3; ++c) {
        double sum = 0;
        for (const auto& [i, w] : weights) sum += w * crop.data[y * crop.stride + i * 4 + c];
        narrow[(y * 300 + x) * 3 + c] = sum;
      }
    }
  }
  std::vector<double> out(300 * 300 * 3);
  for (int32_t y = 0; y < 300; ++y) {
    const auto weights = filter(crop.height, y);
    for (int32_t x = 0; x < 300; ++x) {
      double v[3] = {};
      for (int c = 0; c < 3; ++c) {
        for (const auto& [i, w] : weights) v[c] += w * narrow[(i * 300 + x) * 3 + c];
        v[c] = byte(v[c]);
      }
      if (color != nullptr) {
        const auto m = HueSaturationMatrix(color->hue, color->saturation);
        const double in[3] = {v[0], v[1], v[2]};
        for (int c = 0; c < 3; ++c) {
          v[c] = byte(m[c * 3] * in[0] + m[c * 3 + 1] * in[1] + m[c * 3 + 2] * in[2]);
          v[c] = byte(color->brightness * (128 + color->contrast * (v[c] - 128)));
        }
      }
      const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
      for (int c = 0; c < 3; ++c) {
        out[(y * 300 + (mirror ? 299 - x : x)) * 3 + c] =
            (v[c] - 255 * mean[c]) / (255 * deviation[c]);
      }
    }
  }
  return out;
}

}  // namespace ssd
