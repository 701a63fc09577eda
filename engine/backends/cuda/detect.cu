// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "backends/cuda/detect.h"
#include "backends/cuda/head_maps.h"
#include "backends/cuda/reduce.h"
#include "backends/cuda/select.h"
#include "backends/cuda/softmax.h"

namespace ssd {
namespace {

constexpr int32_t kBoxes = kDefaultBoxes;
constexpr int32_t kMaxCandidates = 1024;

// A candidate as a number that orders it: higher score first, then class, then default box.
__device__ __forceinline__ uint64_t CandidateKey(float score, int32_t label, int32_t box) {
  const uint32_t order = static_cast<uint32_t>(label * kBoxes + box);
  return static_cast<uint64_t>(__float_as_uint(score)) << 32 | (0xffffffffu - order);
}

// Collects the candidates of every image, in any order, a warp a default box. Grid: boxes, images.
constexpr int32_t kCollectThreads = 256, kCollectBoxes = kCollectThreads / kWarp;
__global__ void __launch_bounds__(kCollectThreads)
    CollectKernel(HeadMaps<const float> maps, float threshold, int32_t capacity, uint64_t* keys,
                  int32_t* counts) {
  const int32_t lane = static_cast<int32_t>(threadIdx.x) % kWarp;
  const int32_t box = static_cast<int32_t>(blockIdx.x * kCollectBoxes + threadIdx.x / kWarp);
  if (box >= kBoxes) return;
  const int64_t image = blockIdx.y;
  const Softmax s = WarpSoftmax(PlaceOf(maps, image, box).score, lane);
  for (int32_t i = 0; i < kPerLane; ++i) {
    const int32_t c = lane + i * kWarp;
    const float score = s.e[i] / s.sum;
    const bool passes = c > 0 && c < kScores && score > threshold;
    const uint32_t all = __ballot_sync(kAllLanes, passes);
    if (all == 0) continue;
    int32_t first = 0;
    if (lane == 0) first = atomicAdd(&counts[image], __popc(all));
    first = __shfl_sync(kAllLanes, first, 0);
    const int32_t at = first + __popc(all & ((1u << lane) - 1));
    if (passes && at < capacity) keys[image * capacity + at] = CandidateKey(score, c - 1, box);
  }
}

struct Box {
  float left, top, right, bottom;
};
struct alignas(16) CenterForm {
  float cx, cy, w, h;
};

__device__ __forceinline__ Box Decode(const CenterForm& at, const float* offset) {
  const float cx = at.cx + 0.1f * offset[0] * at.w, cy = at.cy + 0.1f * offset[1] * at.h;
  const float w = at.w * expf(0.2f * offset[2]), h = at.h * expf(0.2f * offset[3]);
  return {cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2};
}

__device__ __forceinline__ float Area(const Box& b) {
  return (b.right - b.left) * (b.bottom - b.top);
}
__device__ __forceinline__ float Iou(const Box& p, const Box& q) {
  const float w = fminf(p.right, q.right) - fmaxf(p.left, q.left);
  const float h = fminf(p.bottom, q.bottom) - fmaxf(p.top, q.top);
  if (!(w > 0 && h > 0)) return 0;
  const float inter = w * h;
  return inter / (Area(p) + Area(q) - inter);
}

constexpr int32_t kPickThreads = 256;

// Sorts keys[0..size), size a power of two, highest first.
__device__ void SortKeys(uint64_t* keys, int32_t size) {
  const int32_t thread = static_cast<int32_t>(threadIdx.x);
  for (int32_t run = 2; run <= size; run *= 2) {
    for (int32_t step = run / 2; step > 0; step /= 2) {
      __syncthreads();
      for (int32_t i = thread; i < size; i += kPickThreads) {
        const int32_t partner = i ^ step;
        if (partner < i) continue;
        const bool falling = (i & run) == 0;
        const uint64_t a = keys[i], b = keys[partner];
        if ((a < b) == falling) {
          keys[i] = b;
          keys[partner] = a;
        }
      }
    }
  }
  __syncthreads();
}

// The best candidates of an image, greedy suppression within each class, and what is left in order:
// a block an image.
__global__ void __launch_bounds__(kPickThreads)
    PickKernel(HeadMaps<const float> maps, const CenterForm* default_boxes, float nms_threshold,
               int32_t limit, int32_t capacity, const uint64_t* all_keys, const int32_t* counts,
               Detection* all_out, int32_t* out_count) {
  __shared__ SelectMemory select;
  __shared__ uint64_t best[kMaxCandidates];
  __shared__ Box boxes[kMaxCandidates];
  __shared__ bool removed[kMaxCandidates];
  __shared__ int32_t picked, left;
  const int32_t thread = static_cast<int32_t>(threadIdx.x);
  const int64_t image = blockIdx.x;
  const uint64_t* keys = all_keys + image * capacity;
  const int32_t count = min(counts[image], capacity), size = min(count, limit);

  int32_t sorted = 1;
  while (sorted < size) sorted *= 2;
  for (int32_t i = thread; i < sorted; i += kPickThreads) best[i] = 0;
  if (thread == 0) picked = left = 0;
  uint64_t lowest = 0;
  if (size < count) {
    lowest = SelectKey<kPickThreads, 64>(count, size, &select, [&](int32_t i) { return keys[i]; });
  }
  __syncthreads();
  for (int32_t i = thread; i < count; i += kPickThreads) {
    if (keys[i] >= lowest) best[atomicAdd(&picked, 1)] = keys[i];
  }
  SortKeys(best, sorted);

  const auto order = [&](int32_t i) {
    return static_cast<int32_t>(0xffffffffu - static_cast<uint32_t>(best[i]));
  };
  for (int32_t i = thread; i < size; i += kPickThreads) {
    const int32_t box = order(i) % kBoxes;
    boxes[i] = Decode(default_boxes[box], PlaceOf(maps, image, box).offset);
    removed[i] = false;
  }
  for (int32_t i = 0; i < size; ++i) {
    __syncthreads();
    if (removed[i]) continue;
    const int32_t label = order(i) / kBoxes;
    for (int32_t j = i + 1 + thread; j < size; j += kPickThreads) {
      if (order(j) / kBoxes == label && Iou(boxes[i], boxes[j]) > nms_threshold) removed[j] = true;
    }
  }
  // No barrier: the last round has waited for what the one before it removed, and removed nothing.
  Detection* out = all_out + image * limit;
  for (int32_t i = thread; i < size; i += kPickThreads) {
    if (removed[i]) continue;
    int32_t rank = 0;
    for (int32_t j = 0; j < i; ++j) rank += !removed[j];
    const Box b = boxes[i];
    const float score = __uint_as_float(static_cast<uint32_t>(best[i] >> 32));
    out[rank] = {b.left, b.top, b.right, b.bottom, score, order(i) / kBoxes};
    atomicAdd(&left, 1);
  }
  __syncthreads();
  if (thread == 0) out_count[image] = left;
}

class CudaDetect final : public DetectOp {
 public:
  CudaDetect(const CudaContext& context, const DetectDesc& desc)
      : context_(context), desc_(desc), limit_(static_cast<int32_t>(desc.candidates)) {
    // Scores of a default box sum to 1, so that at most this many are above the threshold.
    const double most = desc.score_threshold > 0 ? 1.0 / desc.score_threshold : kScores;
    capacity_ = kBoxes * static_cast<int32_t>(std::min(most, kScores - 1.0));
    default_boxes_ = AllocateCuda(context_, desc.default_boxes.size_bytes());
    CopyToDevice(context_, desc.default_boxes.data(), desc.default_boxes.size_bytes(),
                 default_boxes_->data());
  }

  size_t scratch() const override {
    return static_cast<size_t>(desc_.batch) *
           (capacity_ * sizeof(uint64_t) + limit_ * sizeof(Detection) + 2 * sizeof(int32_t));
  }

  void Bind(const std::array<const float*, kMaps>& map, Detection* out, int32_t* count,
            void* scratch) override {
    for (int64_t k = 0; k < kMaps; ++k) {
      SSD_CHECK(map[k] != nullptr);
      maps_.map[k] = map[k];
    }
    SSD_CHECK(out != nullptr && count != nullptr && scratch != nullptr);
    host_out_ = out;
    host_count_ = count;
    keys_ = static_cast<uint64_t*>(scratch);
    out_ = reinterpret_cast<Detection*>(keys_ + desc_.batch * capacity_);
    count_ = reinterpret_cast<int32_t*>(out_ + desc_.batch * limit_);
    out_count_ = count_ + desc_.batch;
  }

  void Run() override {
    const auto batch = static_cast<uint32_t>(desc_.batch);
    SSD_CUDA(cudaMemsetAsync(count_, 0, batch * sizeof(int32_t), context_.stream));
    Launch(context_, CollectKernel, {BlocksFor(kBoxes, kCollectBoxes), batch}, {kCollectThreads},
           maps_, desc_.score_threshold, capacity_, keys_, count_);
    Launch(context_, PickKernel, {batch}, {kPickThreads}, maps_,
           static_cast<const CenterForm*>(default_boxes_->data()), desc_.nms_threshold, limit_,
           capacity_, keys_, count_, out_, out_count_);
    Fetch(host_out_, out_, batch * static_cast<size_t>(limit_) * sizeof(Detection));
    Fetch(host_count_, out_count_, batch * sizeof(int32_t));
  }

 private:
  void Fetch(void* host, const void* device, size_t bytes) const {
    SSD_CUDA(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, context_.stream));
  }

  const CudaContext context_;
  const DetectDesc desc_;
  const int32_t limit_;
  int32_t capacity_;  // candidates of an image before the limit
  std::unique_ptr<DeviceMemory> default_boxes_;
  HeadMaps<const float> maps_{};
  Detection* host_out_ = nullptr;
  int32_t* host_count_ = nullptr;
  uint64_t* keys_ = nullptr;      // [batch, capacity]
  Detection* out_ = nullptr;      // [batch, limit]
  int32_t* count_ = nullptr;      // [batch], of keys
  int32_t* out_count_ = nullptr;  // [batch]
};

}  // namespace

std::unique_ptr<DetectOp> MakeCudaDetect(const CudaContext& context, const DetectDesc& desc) {
  SSD_CHECK(desc.batch > 0 && desc.batch <= 65535 && desc.candidates > 0);
  SSD_CHECK(desc.score_threshold >= 0 && desc.score_threshold < 1);
  SSD_CHECK(static_cast<int64_t>(desc.default_boxes.size()) == kDefaultBoxes);
  if (desc.candidates > kMaxCandidates) {
    Throw(Status::kInvalid, "%lld candidates an image: the CUDA backend takes up to %d",
          static_cast<long long>(desc.candidates), kMaxCandidates);
  }
  return std::make_unique<CudaDetect>(context, desc);
}

}  // namespace ssd
