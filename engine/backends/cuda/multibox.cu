// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <cuda_fp16.h>

#include "backends/cuda/head_maps.h"
#include "backends/cuda/multibox.h"
#include "backends/cuda/reduce.h"
#include "backends/cuda/select.h"
#include "backends/cuda/softmax.h"

namespace ssd {
namespace {

constexpr int32_t kBoxes = kDefaultBoxes;

// What is known of an image after its cross-entropies.
struct ImageLoss {
  double loss;          // 0 without positives
  uint64_t lowest_key;  // negatives with at least this key count
  int32_t positives;
};

// Orders candidates for hard negatives: higher ce first, then lower index; all keys differ. NaN
// sorts above everything, so that it reaches the loss. 46 bits.
constexpr int32_t kIndexBits = 14, kKeyBits = 32 + kIndexBits;
static_assert(kBoxes < 1 << kIndexBits);
__device__ __forceinline__ uint64_t MiningKey(float ce, int32_t label, int32_t box) {
  const uint32_t high = label > 0 ? 0 : __float_as_uint(ce);
  return static_cast<uint64_t>(high) << kIndexBits |
         static_cast<uint64_t>((1 << kIndexBits) - 1 - box);
}
__device__ __forceinline__ bool Counts(const ImageLoss& image, float ce, int32_t label,
                                       int32_t box) {
  return label > 0 || MiningKey(ce, 0, box) >= image.lowest_key;
}

// -log softmax(score)[label], a warp a default box. Grid: boxes, images.
constexpr int32_t kEntropyThreads = 256, kEntropyBoxes = kEntropyThreads / kWarp;
__global__ void __launch_bounds__(kEntropyThreads)
    EntropyKernel(HeadMaps<const float> maps, const int32_t* label, float* ce) {
  const int32_t lane = static_cast<int32_t>(threadIdx.x) % kWarp;
  const int32_t box = static_cast<int32_t>(blockIdx.x * kEntropyBoxes + threadIdx.x / kWarp);
  if (box >= kBoxes) return;
  const int64_t image = blockIdx.y, i = image * kBoxes + box;
  const float* score = PlaceOf(maps, image, box).score;
  const Softmax s = WarpSoftmax(score, lane);
  if (lane > 0) return;
  const int32_t want = label[i];
  const bool known = want >= 0 && want < kScores;
  ce[i] = known ? (s.largest - score[want]) + logf(s.sum) : NAN;
}

__device__ __forceinline__ float SmoothL1(float d) {
  const float size = fabsf(d);
  return size < 1 ? 0.5f * d * d : size - 0.5f;
}

constexpr int32_t kMineThreads = 512;

// Which boxes of an image count, and its loss: a block an image.
__global__ void __launch_bounds__(kMineThreads)
    MineKernel(HeadMaps<const float> maps, const int32_t* all_labels, const float* all_targets,
               const float* all_ce, ImageLoss* images) {
  __shared__ int32_t count[kMineThreads / kWarp];
  __shared__ double sum[kMineThreads / kWarp];
  __shared__ SelectMemory select;
  const int32_t thread = static_cast<int32_t>(threadIdx.x);
  const int64_t image = blockIdx.x;
  const int32_t* label = all_labels + image * kBoxes;
  const float* target = all_targets + image * kBoxes * 4;
  const float* ce = all_ce + image * kBoxes;

  int32_t positives = 0;
  for (int32_t a = thread; a < kBoxes; a += kMineThreads) positives += label[a] > 0;
  positives = BlockSum<kMineThreads>(positives, count);
  ImageLoss result = {0, ~uint64_t{0}, positives};
  if (positives > 0) {
    result.lowest_key =
        SelectKey<kMineThreads, kKeyBits>(kBoxes, min(3 * positives, kBoxes), &select,
                                          [&](int32_t a) { return MiningKey(ce[a], label[a], a); });
    double loss = 0;
    for (int32_t a = thread; a < kBoxes; a += kMineThreads) {
      if (Counts(result, ce[a], label[a], a)) loss += ce[a];
      if (label[a] <= 0) continue;
      const float* offset = PlaceOf(maps, image, a).offset;
      for (int32_t t = 0; t < 4; ++t) loss += SmoothL1(offset[t] - target[a * 4 + t]);
    }
    result.loss = BlockSum<kMineThreads>(loss, sum) / positives;
  }
  if (thread == 0) images[image] = result;
}

__global__ void __launch_bounds__(kWarp)
    MeanKernel(const ImageLoss* images, int32_t batch, float* loss) {
  double sum = 0;
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < batch; i += kWarp) sum += images[i].loss;
  sum = WarpSum(sum);
  if (threadIdx.x == 0) *loss = static_cast<float>(sum / batch);
}

// Writes the gradients of the boxes that count; the others are zero already. A warp looks through
// 32 boxes and works on those found together. Grid: boxes, images.
constexpr int32_t kGradientThreads = 128;
__global__ void __launch_bounds__(kGradientThreads)
    GradientKernel(HeadMaps<const float> maps, HeadMaps<__half> gradients,
                   const int32_t* all_labels, const float* all_targets, const float* all_ce,
                   const ImageLoss* images, float scale) {
  const int32_t lane = static_cast<int32_t>(threadIdx.x) % kWarp;
  const int32_t box = static_cast<int32_t>(blockIdx.x * kGradientThreads + threadIdx.x);
  const int64_t image = blockIdx.y, first = image * kBoxes;
  const ImageLoss known = images[image];
  if (known.positives == 0) return;
  const float unit = scale / static_cast<float>(known.positives);
  const int32_t mine = box < kBoxes ? all_labels[first + box] : 0;
  const bool counts = box < kBoxes && Counts(known, all_ce[first + box], mine, box);
  for (uint32_t left = __ballot_sync(kAllLanes, counts); left != 0; left &= left - 1) {
    const int32_t source = __ffs(static_cast<int>(left)) - 1;
    const int32_t label = __shfl_sync(kAllLanes, mine, source);
    const int32_t at = box - lane + source;
    const HeadPlace<const float> x = PlaceOf(maps, image, at);
    const HeadPlace<__half> dx = PlaceOf(gradients, image, at);
    const Softmax s = WarpSoftmax(x.score, lane);
    for (int32_t i = 0; i < kPerLane; ++i) {
      const int32_t c = lane + i * kWarp;
      const float onehot = c == label ? 1 : 0;
      if (c < kScores) dx.score[c] = __float2half_rn(unit * (s.e[i] / s.sum - onehot));
    }
    if (label > 0 && lane < 4) {
      const float d = x.offset[lane] - all_targets[(first + at) * 4 + lane];
      dx.offset[lane] = __float2half_rn(unit * fminf(fmaxf(d, -1), 1));
    }
  }
}

class CudaMultibox final : public MultiboxOp {
 public:
  CudaMultibox(const CudaContext& context, const MultiboxDesc& desc)
      : context_(context), desc_(desc) {}

  size_t scratch() const override {
    return static_cast<size_t>(desc_.batch) * (sizeof(ImageLoss) + kBoxes * sizeof(float));
  }

  void Bind(const MultiboxArgs& args) override {
    const bool wanted = args.gradient[0] != nullptr;
    for (int64_t k = 0; k < kMaps; ++k) {
      SSD_CHECK(args.map[k] != nullptr && (args.gradient[k] != nullptr) == wanted);
      maps_.map[k] = args.map[k];
      gradients_.map[k] = static_cast<__half*>(args.gradient[k]);
    }
    SSD_CHECK(args.label != nullptr && args.offset != nullptr && args.loss != nullptr);
    SSD_CHECK(args.scratch != nullptr);
    args_ = args;
    images_ = static_cast<ImageLoss*>(args.scratch);
    ce_ = reinterpret_cast<float*>(images_ + desc_.batch);
  }

  void Run() override {
    const auto batch = static_cast<uint32_t>(desc_.batch);
    Launch(context_, EntropyKernel, {BlocksFor(kBoxes, kEntropyBoxes), batch}, {kEntropyThreads},
           maps_, args_.label, ce_);
    Launch(context_, MineKernel, {batch}, {kMineThreads}, maps_, args_.label, args_.offset, ce_,
           images_);
    Launch(context_, MeanKernel, {1}, {kWarp}, images_, static_cast<int32_t>(batch), args_.loss);
    if (gradients_.map[0] == nullptr) return;
    for (int64_t k = 0; k < kMaps; ++k) {
      const int64_t values =
          desc_.batch * kMapSize[k] * kMapSize[k] * CudaHeadChannels(kMapShapes[k]);
      SSD_CUDA(cudaMemsetAsync(gradients_.map[k], 0, static_cast<size_t>(values) * sizeof(__half),
                               context_.stream));
    }
    Launch(context_, GradientKernel, {BlocksFor(kBoxes, kGradientThreads), batch},
           {kGradientThreads}, maps_, gradients_, args_.label, args_.offset, ce_, images_,
           desc_.loss_scale / static_cast<float>(batch));
  }

 private:
  const CudaContext context_;
  const MultiboxDesc desc_;
  MultiboxArgs args_{};
  HeadMaps<const float> maps_{};
  HeadMaps<__half> gradients_{};
  ImageLoss* images_ = nullptr;  // [batch]
  float* ce_ = nullptr;          // [batch, 8732]
};

}  // namespace

std::unique_ptr<MultiboxOp> MakeCudaMultibox(const CudaContext& context, const MultiboxDesc& desc) {
  SSD_CHECK(desc.batch > 0 && desc.batch <= 65535);  // images are the second axis of grids
  return std::make_unique<CudaMultibox>(context, desc);
}

}  // namespace ssd
