// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/augment.h"

#include <cmath>
#include <numbers>

namespace ssd {
namespace {

using Matrix = std::array<double, 9>;

constexpr Matrix kToYiq = {.299, .587, .114, .596, -.274, -.321, .211, -.523, .311};
constexpr Matrix kFromYiq = {1, .956, .621, 1, -.272, -.647, 1, -1.107, 1.705};

Matrix Multiply(const Matrix& a, const Matrix& b) {
  Matrix c{};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < 3; ++k) c[i * 3 + j] += a[i * 3 + k] * b[k * 3 + j];
    }
  }
  return c;
}

}  // namespace

ColorJitter DrawColor(Philox& random) {
  ColorJitter color;
  color.hue = random.Uniform(-0.5f, 0.5f);
  color.saturation = random.Uniform(0.5f, 1.5f);
  color.contrast = random.Uniform(0.5f, 1.5f);
  color.brightness = random.Uniform(0.875f, 1.125f);
  return color;
}

std::array<double, 9> HueSaturationMatrix(double hue_degrees, double saturation) {
  const double h = hue_degrees * std::numbers::pi / 180, s = saturation;
  const Matrix turn = {
      1, 0, 0, 0, std::cos(h) * s, std::sin(h) * s, 0, -std::sin(h) * s, std::cos(h) * s};
  return Multiply(kFromYiq, Multiply(turn, kToYiq));
}

void MirrorBoxes(std::span<CornerBox> boxes) {
  for (CornerBox& box : boxes) box = {1 - box[2], box[1], 1 - box[0], box[3]};
}

}  // namespace ssd
