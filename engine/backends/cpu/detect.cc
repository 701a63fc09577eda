// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/detect.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <vector>

#include "backends/cpu/head_maps.h"
#include "backends/cpu/simd_math.h"
#include "core/error.h"

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are passed to inlined functions only

namespace ssd {
namespace {

using simd::Floats;

constexpr int64_t kForeground = kClasses - 1;
constexpr int64_t kVectors = kForeground / simd::kLanes;
static_assert(kForeground == kVectors * simd::kLanes);

// A candidate as a number that orders it: higher score first, then class, then default box.
uint64_t CandidateKey(float score, int64_t label, int64_t box) {
  const uint32_t order = static_cast<uint32_t>(label * kDefaultBoxes + box);
  return uint64_t{std::bit_cast<uint32_t>(score)} << 32 | (0xffffffffu - order);
}
float ScoreOf(uint64_t key) { return std::bit_cast<float>(static_cast<uint32_t>(key >> 32)); }
int64_t OrderOf(uint64_t key) { return 0xffffffffu - static_cast<uint32_t>(key); }

// The highest `keep` of all keys pushed, in memory for twice as many.
class TopKeys {
 public:
  TopKeys(uint64_t* memory, int64_t keep) : keys_(memory), keep_(keep) {}

  void Push(uint64_t key) {
    if (key <= floor_) return;
    keys_[size_++] = key;
    if (size_ == 2 * keep_) Shrink();
  }
  // A key with a score below this one is not among them.
  float lowest() const { return ScoreOf(floor_); }
  // Sorted, highest first.
  std::span<const uint64_t> Finish() {
    std::sort(keys_, keys_ + size_, std::greater<>());
    return {keys_, static_cast<size_t>(std::min(size_, keep_))};
  }

 private:
  void Shrink() {
    std::nth_element(keys_, keys_ + keep_ - 1, keys_ + size_, std::greater<>());
    size_ = keep_;
    floor_ = keys_[keep_ - 1];
  }

  uint64_t* keys_;
  int64_t keep_;
  int64_t size_ = 0;
  uint64_t floor_ = 0;
};

void PushScores(const Floats e[kVectors], float sum, float threshold, int64_t box, TopKeys& top) {
  for (int64_t v = 0; v < kVectors; ++v) {
    float score[simd::kLanes];
    simd::Store(score, e[v]);
    for (int64_t i = 0; i < simd::kLanes; ++i) {
      const float s = score[i] / sum;
      if (s > threshold) top.Push(CandidateKey(s, v * simd::kLanes + i, box));
    }
  }
}

// How far the background must lie above the highest class, before softmax, to keep all classes
// below a score: they reach 1 / (1 + exp(background - highest)). The margin covers the rounding of
// scores; near 1 it would not.
float HopelessBelow(float score) { return std::log(1 / std::min(score, 0.9f) - 1) + 1e-3f; }

// The candidates of a map of one image: scores above the threshold that are not below the lowest of
// the keys. A default box is passed over without an exponential when its background alone keeps it
// from having one.
SSD_VECTOR_CLONES void ScanMap(const float* cells, int64_t map, float threshold, TopKeys& top) {
  const int64_t shapes = kMapShapes[map], channels = CpuHeadChannels(shapes);
  int64_t box = kMapFirst[map];
  float least = std::max(threshold, top.lowest()), hopeless = HopelessBelow(least);
  for (int64_t c = 0; c < HeadCells(map); ++c) {
    for (int64_t s = 0; s < shapes; ++s, ++box) {
      const float* score = cells + c * channels + s * kClasses;
      Floats e[kVectors];
      for (int64_t v = 0; v < kVectors; ++v) e[v] = simd::Load(score + 1 + v * simd::kLanes);
      Floats highest = e[0];
      for (int64_t v = 1; v < kVectors; ++v) highest = simd::Max(highest, e[v]);
      const float best = simd::MaxOf(highest), background = score[0];
      if (background - best > hopeless) continue;

      const float shift = best > background ? best : background;
      Floats sums = simd::ExpNonPositive(Floats{} + (background - shift));
      const float background_e = sums[0];
      sums = Floats{};
      Floats largest = {};
      for (int64_t v = 0; v < kVectors; ++v) {
        e[v] = simd::ExpNonPositive(e[v] - shift);
        sums += e[v];
        largest = simd::Max(largest, e[v]);
      }
      const float sum = simd::SumOf(sums) + background_e;
      const float score_of_best = simd::MaxOf(largest) / sum;
      if (!(score_of_best > threshold) || score_of_best < least) continue;
      PushScores(e, sum, threshold, box, top);
      if (top.lowest() <= least) continue;
      least = top.lowest();
      hopeless = HopelessBelow(least);
    }
  }
}

struct Box {
  float left, top, right, bottom, area;
};

Box Decode(const std::array<float, 4>& at, const float offset[4]) {
  const auto [ax, ay, aw, ah] = at;
  const float cx = ax + 0.1f * offset[0] * aw, cy = ay + 0.1f * offset[1] * ah;
  const float w = aw * std::exp(0.2f * offset[2]), h = ah * std::exp(0.2f * offset[3]);
  Box box = {cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, 0};
  box.area = (box.right - box.left) * (box.bottom - box.top);
  return box;
}

float Iou(const Box& p, const Box& q) {
  const float w = std::min(p.right, q.right) - std::max(p.left, q.left);
  const float h = std::min(p.bottom, q.bottom) - std::max(p.top, q.top);
  if (!(w > 0 && h > 0)) return 0;
  const float inter = w * h;
  return inter / (p.area + q.area - inter);
}

class CpuDetect final : public DetectOp {
 public:
  explicit CpuDetect(const DetectDesc& desc)
      : desc_(desc), default_boxes_(desc.default_boxes.begin(), desc.default_boxes.end()) {}

  // Twice the keys (TopKeys), then the kept boxes, of every image.
  size_t scratch() const override {
    return desc_.batch * desc_.candidates * (2 * sizeof(uint64_t) + sizeof(Box));
  }

  void Bind(const std::array<const float*, kMaps>& map, Detection* out, int32_t* count,
            void* scratch) override {
    for (const float* m : map) SSD_CHECK(m != nullptr);
    SSD_CHECK(out != nullptr && count != nullptr && scratch != nullptr);
    map_ = map;
    out_ = out;
    count_ = count;
    keys_ = static_cast<uint64_t*>(scratch);
    kept_ = reinterpret_cast<Box*>(keys_ + desc_.batch * desc_.candidates * 2);
  }

  void Run() override {
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t image = 0; image < desc_.batch; ++image) count_[image] = DetectImage(image);
  }

 private:
  int32_t DetectImage(int64_t image) {
    TopKeys top(keys_ + image * desc_.candidates * 2, desc_.candidates);
    for (int64_t k = 0; k < kMaps; ++k) {
      const float* cells = map_[k] + image * HeadCells(k) * CpuHeadChannels(kMapShapes[k]);
      ScanMap(cells, k, desc_.score_threshold, top);
    }
    return Suppress(image, top.Finish(), kept_ + image * desc_.candidates);
  }

  // Greedy suppression within each class; returns how many are left.
  int32_t Suppress(int64_t image, std::span<const uint64_t> keys, Box* kept) {
    Detection* out = out_ + image * desc_.candidates;
    int32_t n = 0;
    for (const uint64_t key : keys) {
      const auto label = static_cast<int32_t>(OrderOf(key) / kDefaultBoxes);
      const int64_t at = OrderOf(key) % kDefaultBoxes;
      const Box box = Decode(default_boxes_[at], HeadOffsets(map_, image, at));
      const auto covers = [&](int32_t i) {
        return out[i].label == label && Iou(kept[i], box) > desc_.nms_threshold;
      };
      bool removed = false;
      for (int32_t i = 0; i < n && !removed; ++i) removed = covers(i);
      if (removed) continue;
      kept[n] = box;
      out[n++] = {box.left, box.top, box.right, box.bottom, ScoreOf(key), label};
    }
    return n;
  }

  const DetectDesc desc_;
  const std::vector<std::array<float, 4>> default_boxes_;
  std::array<const float*, kMaps> map_{};
  Detection* out_ = nullptr;
  int32_t* count_ = nullptr;
  uint64_t* keys_ = nullptr;  // [batch, 2 * candidates]
  Box* kept_ = nullptr;       // [batch, candidates]
};

}  // namespace

std::unique_ptr<DetectOp> MakeCpuDetect(const DetectDesc& desc) {
  SSD_CHECK(desc.batch > 0 && desc.candidates > 0);
  SSD_CHECK(desc.score_threshold >= 0 && desc.score_threshold < 1);
  SSD_CHECK(static_cast<int64_t>(desc.default_boxes.size()) == kDefaultBoxes);
  return std::make_unique<CpuDetect>(desc);
}

}  // namespace ssd
