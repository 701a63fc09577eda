// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/multibox.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "backends/cpu/head_layout.h"
#include "backends/cpu/head_maps.h"
#include "backends/cpu/simd_math.h"
#include "core/bfloat16.h"
#include "core/error.h"

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are passed to inlined functions only

namespace ssd {
namespace {

using simd::Floats;

// 81 classes as six vectors; the last one starts at 65 and only its last lane is new.
constexpr int64_t kFullVectors = kClasses / simd::kLanes;
constexpr int64_t kTail = kClasses - simd::kLanes;
static_assert(kClasses == kFullVectors * simd::kLanes + 1);

constexpr int64_t kChunkCells = 128;

// Some cells of a map: the unit of parallel work.
struct Chunk {
  int64_t map, cell, cells;
  int64_t shapes() const { return kMapShapes[map]; }
  int64_t channels() const { return CpuHeadChannels(shapes()); }
  // Of the first value of the chunk in the map of a batch.
  int64_t offset(int64_t image) const { return (image * HeadCells(map) + cell) * channels(); }
  // First default box of the chunk.
  int64_t box() const { return kMapFirst[map] + cell * shapes(); }
};

std::vector<Chunk> MakeChunks() {
  std::vector<Chunk> chunks;
  for (int64_t k = 0; k < kMaps; ++k) {
    const int64_t cells = HeadCells(k);
    for (int64_t c = 0; c < cells; c += kChunkCells) {
      chunks.push_back({k, c, std::min(kChunkCells, cells - c)});
    }
  }
  return chunks;
}

SSD_INLINE Floats OnlyLastLane(const Floats& v) {
  Floats kept = {};
  kept[simd::kLanes - 1] = v[simd::kLanes - 1];
  return kept;
}

SSD_INLINE float MaxScore(const float* score) {
  Floats m = simd::Load(score + kTail);
  for (int64_t v = 0; v < kFullVectors; ++v) m = simd::Max(m, simd::Load(score + v * simd::kLanes));
  return simd::MaxOf(m);
}

// -log softmax(score)[label] of every default box of a chunk. Never below 0.
SSD_VECTOR_CLONES void CrossEntropy(const float* cells, const Chunk& chunk, const int32_t* label,
                                    float* ce) {
  const int64_t shapes = chunk.shapes(), channels = chunk.channels();
  for (int64_t c = 0; c < chunk.cells; ++c) {
    for (int64_t s = 0; s < shapes; ++s, ++label, ++ce) {
      const float* score = cells + c * channels + s * kClasses;
      const float m = MaxScore(score);
      Floats sum = OnlyLastLane(simd::ExpNonPositive(simd::Load(score + kTail) - m));
      for (int64_t v = 0; v < kFullVectors; ++v) {
        sum += simd::ExpNonPositive(simd::Load(score + v * simd::kLanes) - m);
      }
      *ce = (m - score[*label]) + std::log(simd::SumOf(sum));
    }
  }
}

// scale * (softmax(score) - onehot(label)).
SSD_VECTOR_CLONES void ScoreGradient(const float* score, int32_t label, float scale,
                                     float gradient[kClasses]) {
  const float m = MaxScore(score);
  const Floats tail = simd::ExpNonPositive(simd::Load(score + kTail) - m);
  Floats sum = OnlyLastLane(tail);
  Floats e[kFullVectors];
  for (int64_t v = 0; v < kFullVectors; ++v) {
    e[v] = simd::ExpNonPositive(simd::Load(score + v * simd::kLanes) - m);
    sum += e[v];
  }
  const float inverse = 1 / simd::SumOf(sum);
  simd::Store(gradient + kTail, tail * inverse);
  for (int64_t v = 0; v < kFullVectors; ++v) {
    simd::Store(gradient + v * simd::kLanes, e[v] * inverse);
  }
  gradient[label] -= 1;
  for (int64_t c = 0; c < kClasses; ++c) gradient[c] *= scale;
}

float SmoothL1(float d) {
  const float size = std::abs(d);
  return size < 1 ? 0.5f * d * d : size - 0.5f;
}

float SmoothL1Slope(float d) { return std::abs(d) < 1 ? d : std::copysign(1.0f, d); }

void Write(float* to, const float* from, int64_t n) { std::copy_n(from, n, to); }
void Write(bfloat16* to, const float* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = bfloat16::From(from[i]);
}

// Orders candidates for hard negatives: higher ce first, then lower index. All keys differ. NaN
// sorts above everything, so that it reaches the loss.
uint64_t MiningKey(float ce, int32_t label, int64_t box) {
  const uint32_t high = label > 0 ? 0 : std::bit_cast<uint32_t>(ce);
  return uint64_t{high} << 32 | (0xffffffffu - static_cast<uint32_t>(box));
}

// What is known of an image after its cross-entropies.
struct ImageLoss {
  double loss;  // 0 without positives
  int64_t positives;
  uint64_t lowest_key;  // negatives with at least this key count
};

class CpuMultibox final : public MultiboxOp {
 public:
  CpuMultibox(const MultiboxDesc& desc, Precision precision)
      : desc_(desc), precision_(precision), chunks_(MakeChunks()), images_(desc.batch) {}

  size_t scratch() const override {
    return desc_.batch * kDefaultBoxes * (sizeof(uint64_t) + sizeof(float));
  }

  void Bind(const MultiboxArgs& args) override {
    const bool wanted = args.gradient[0] != nullptr;
    for (int64_t k = 0; k < kMaps; ++k) {
      SSD_CHECK(args.map[k] != nullptr && (args.gradient[k] != nullptr) == wanted);
    }
    SSD_CHECK(args.label != nullptr && args.offset != nullptr && args.loss != nullptr);
    SSD_CHECK(args.scratch != nullptr);
    args_ = args;
    keys_ = static_cast<uint64_t*>(args.scratch);
    ce_ = reinterpret_cast<float*>(keys_ + desc_.batch * kDefaultBoxes);
  }

  void Run() override {
    CheckLabels();
    const int64_t chunks = static_cast<int64_t>(chunks_.size()), tasks = desc_.batch * chunks;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tasks; ++t) {
      const Chunk& chunk = chunks_[t % chunks];
      const int64_t image = t / chunks, box = image * kDefaultBoxes + chunk.box();
      CrossEntropy(args_.map[chunk.map] + chunk.offset(image), chunk, args_.label + box, ce_ + box);
    }
#pragma omp parallel for schedule(static)
    for (int64_t image = 0; image < desc_.batch; ++image) images_[image] = Mine(image);
    double total = 0;
    for (const ImageLoss& image : images_) total += image.loss;
    *args_.loss = static_cast<float>(total / static_cast<double>(desc_.batch));
    if (args_.gradient[0] == nullptr) return;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tasks; ++t) {
      if (precision_ == Precision::kF32) {
        Gradient<float>(t / chunks, chunks_[t % chunks]);
      } else {
        Gradient<bfloat16>(t / chunks, chunks_[t % chunks]);
      }
    }
  }

 private:
  void CheckLabels() const {
    uint32_t highest = 0;
    for (int64_t i = 0; i < desc_.batch * kDefaultBoxes; ++i) {
      highest = std::max(highest, static_cast<uint32_t>(args_.label[i]));
    }
    if (highest >= kClasses) {
      Throw(Status::kInvalid, "label: %d is not a class; classes are 0 (background) to 80",
            static_cast<int32_t>(highest));
    }
  }

  ImageLoss Mine(int64_t image) {
    const int32_t* label = args_.label + image * kDefaultBoxes;
    const float* ce = ce_ + image * kDefaultBoxes;
    ImageLoss result = {0, 0, ~uint64_t{0}};
    for (int64_t a = 0; a < kDefaultBoxes; ++a) result.positives += label[a] > 0;
    if (result.positives == 0) return result;

    uint64_t* keys = keys_ + image * kDefaultBoxes;
    for (int64_t a = 0; a < kDefaultBoxes; ++a) keys[a] = MiningKey(ce[a], label[a], a);
    uint64_t* last = keys + std::min(3 * result.positives, kDefaultBoxes) - 1;
    std::nth_element(keys, last, keys + kDefaultBoxes, std::greater<>());
    result.lowest_key = *last;

    double sum = 0;
    for (int64_t a = 0; a < kDefaultBoxes; ++a) {
      if (Counts(result, image, a)) sum += ce[a];
      if (label[a] > 0) sum += BoxLoss(HeadOffsets(args_.map, image, a), image * kDefaultBoxes + a);
    }
    result.loss = sum / static_cast<double>(result.positives);
    return result;
  }

  bool Counts(const ImageLoss& loss, int64_t image, int64_t box) const {
    const int64_t i = image * kDefaultBoxes + box;
    return args_.label[i] > 0 || MiningKey(ce_[i], 0, box) >= loss.lowest_key;
  }

  double BoxLoss(const float* offsets, int64_t i) const {
    double sum = 0;
    for (int64_t t = 0; t < 4; ++t) sum += SmoothL1(offsets[t] - args_.offset[i * 4 + t]);
    return sum;
  }

  template <typename T>
  void Gradient(int64_t image, const Chunk& chunk) const {
    const int64_t shapes = chunk.shapes(), channels = chunk.channels();
    const float* map = args_.map[chunk.map] + chunk.offset(image);
    T* gradient = static_cast<T*>(args_.gradient[chunk.map]) + chunk.offset(image);
    std::memset(static_cast<void*>(gradient), 0, chunk.cells * channels * sizeof(T));
    const ImageLoss& loss = images_[image];
    if (loss.positives == 0) return;
    const float scale =
        desc_.loss_scale / (static_cast<float>(loss.positives) * static_cast<float>(desc_.batch));
    for (int64_t b = 0; b < chunk.cells * shapes; ++b) {
      const int64_t box = chunk.box() + b, i = image * kDefaultBoxes + box;
      if (!Counts(loss, image, box)) continue;
      const int64_t cell = b / shapes * channels, shape = b % shapes;
      float scores[kClasses];
      ScoreGradient(map + cell + shape * kClasses, args_.label[i], scale, scores);
      Write(gradient + cell + shape * kClasses, scores, kClasses);
      if (args_.label[i] == 0) continue;
      float slopes[4];
      const int64_t at = cell + kClasses * shapes + shape * 4;
      for (int64_t t = 0; t < 4; ++t) {
        slopes[t] = scale * SmoothL1Slope(map[at + t] - args_.offset[i * 4 + t]);
      }
      Write(gradient + at, slopes, 4);
    }
  }

  const MultiboxDesc desc_;
  const Precision precision_;
  const std::vector<Chunk> chunks_;
  MultiboxArgs args_{};
  std::vector<ImageLoss> images_;
  uint64_t* keys_ = nullptr;  // [batch, 8732]
  float* ce_ = nullptr;       // [batch, 8732]
};

}  // namespace

std::unique_ptr<MultiboxOp> MakeCpuMultibox(const MultiboxDesc& desc, Precision precision) {
  SSD_CHECK(desc.batch > 0);
  if (precision != Precision::kF32 && precision != Precision::kBF16) {
    Throw(Status::kUnavailable, "precision: the CPU computes the loss gradient in f32 or bf16");
  }
  return std::make_unique<CpuMultibox>(desc, precision);
}

}  // namespace ssd
