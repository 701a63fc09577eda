// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "loss/default_boxes.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "core/error.h"

namespace ssd {
namespace {

constexpr double kImage = 300;  // pixels a side
constexpr double kStep[kMaps] = {8, 16, 32, 64, 100, 300};
constexpr double kScale[kMaps + 1] = {21, 45, 99, 153, 207, 261, 315};

// (w, h) in pixels of the default boxes of a cell of map k.
std::vector<std::pair<double, double>> Shapes(int64_t k) {
  const double s = kScale[k], q = std::sqrt(s * kScale[k + 1]);
  std::vector<std::pair<double, double>> shapes = {{s, s}, {q, q}};
  const int aspects = kMapShapes[k] == 4 ? 1 : 2;
  for (int a = 2; a < 2 + aspects; ++a) {
    const double root = std::sqrt(static_cast<double>(a));
    shapes.emplace_back(s * root, s / root);
    shapes.emplace_back(s / root, s * root);
  }
  return shapes;
}

double Relative(double pixels) { return std::clamp(pixels, 0.0, kImage) / kImage; }

struct Tables {
  std::vector<CenterBox> centers;
  std::vector<CornerBox> corners;

  void Add(double cx, double cy, double w, double h) {
    centers.push_back({static_cast<float>(cx), static_cast<float>(cy), static_cast<float>(w),
                       static_cast<float>(h)});
    corners.push_back({static_cast<float>(cx - w / 2), static_cast<float>(cy - h / 2),
                       static_cast<float>(cx + w / 2), static_cast<float>(cy + h / 2)});
  }
};

Tables MakeTables() {
  Tables tables;
  for (int64_t k = 0; k < kMaps; ++k) {
    const auto shapes = Shapes(k);
    SSD_CHECK(static_cast<int64_t>(tables.centers.size()) == kMapFirst[k]);
    for (int64_t i = 0; i < kMapSize[k]; ++i) {
      for (int64_t j = 0; j < kMapSize[k]; ++j) {
        const double cx = Relative((static_cast<double>(j) + 0.5) * kStep[k]);
        const double cy = Relative((static_cast<double>(i) + 0.5) * kStep[k]);
        for (const auto& [w, h] : shapes) tables.Add(cx, cy, Relative(w), Relative(h));
      }
    }
  }
  SSD_CHECK(static_cast<int64_t>(tables.centers.size()) == kDefaultBoxes);
  return tables;
}

const Tables& AllTables() {
  static const Tables tables = MakeTables();
  return tables;
}

}  // namespace

std::span<const CenterBox> DefaultBoxes() { return AllTables().centers; }

std::span<const CornerBox> DefaultBoxCorners() { return AllTables().corners; }

}  // namespace ssd
