// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/detections.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "core/atomic_file.h"

namespace ssd {
namespace {

double Clip(float v) { return std::clamp(static_cast<double>(v), 0.0, 1.0); }

template <typename T>
void AppendNumber(std::string& text, T value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  text.append(digits, end);
}

void AppendRow(std::string& text, const CocoDetection& row) {
  text += "{\"image_id\":";
  AppendNumber(text, row.image_id);
  text += ",\"category_id\":";
  AppendNumber(text, row.category_id);
  text += ",\"bbox\":[";
  for (const double v : {row.x, row.y, row.w}) {
    AppendNumber(text, v);
    text += ',';
  }
  AppendNumber(text, row.h);
  text += "],\"score\":";
  AppendNumber(text, row.score);
  text += '}';
}

}  // namespace

void AppendCocoDetections(std::span<const Detection> detections, int64_t image_id, int32_t width,
                          int32_t height, const ReportFormat& format,
                          std::vector<CocoDetection>& rows) {
  const double extra = format.plus_one ? 1 : 0;
  for (const Detection& d : detections) {
    if (static_cast<size_t>(d.label) >= format.category_ids.size()) continue;
    if (std::isnan(d.left) || std::isnan(d.top) || std::isnan(d.right) || std::isnan(d.bottom)) {
      continue;
    }
    const double left = Clip(d.left) * width, right = Clip(d.right) * width;
    const double top = Clip(d.top) * height, bottom = Clip(d.bottom) * height;
    rows.push_back({.image_id = image_id,
                    .category_id = format.category_ids[d.label],
                    .x = left,
                    .y = top,
                    .w = right - left + extra,
                    .h = bottom - top + extra,
                    .score = d.score});
  }
}

void WriteDetections(const std::string& path, std::span<const CocoDetection> rows) {
  constexpr size_t kFlush = 1 << 20;
  AtomicFile file(path);
  std::string text = "[";
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i > 0) text += ",\n";
    AppendRow(text, rows[i]);
    if (text.size() >= kFlush) {
      file.Write(text);
      text.clear();
    }
  }
  text += "]\n";
  file.Write(text);
  file.Commit();
}

}  // namespace ssd
