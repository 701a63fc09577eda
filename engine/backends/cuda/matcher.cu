// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "backends/backend.h"
#include "backends/cuda/matcher.h"
#include "backends/cuda/reduce.h"

namespace ssd {
namespace {

constexpr int32_t kBoxes = kDefaultBoxes;
constexpr float kPositiveIou = 0.5f;
constexpr float kForcedIou = 2.0f;
constexpr float kCenterVariance = 0.1f;
constexpr float kSizeVariance = 0.2f;

// Rounded as on the CPU: no product becomes part of a sum.
__device__ __forceinline__ float Iou(const TargetBox& box, const float4& at) {
  const float w = fminf(at.z, box.right) - fmaxf(at.x, box.left);
  const float h = fminf(at.w, box.bottom) - fmaxf(at.y, box.top);
  const float inter = __fmul_rn(fmaxf(w, 0), fmaxf(h, 0));
  const float area = __fmul_rn(box.right - box.left, box.bottom - box.top);
  return inter / (area + __fmul_rn(at.z - at.x, at.w - at.y) - inter);
}

// The default box with the highest IoU, of equals the last: a warp a box.
constexpr int32_t kClaimThreads = 128, kClaimBoxes = kClaimThreads / kWarp;
__global__ void __launch_bounds__(kClaimThreads) ClaimKernel(TargetTask task, int32_t count) {
  const int32_t lane = static_cast<int32_t>(threadIdx.x) % kWarp;
  const int32_t k = static_cast<int32_t>(blockIdx.x * kClaimBoxes + threadIdx.x / kWarp);
  if (k >= count) return;
  const TargetBox box = task.boxes[k];
  float best = 0;
  int32_t claim = 0;
  for (int32_t a = lane; a < kBoxes; a += kWarp) {
    const float iou = Iou(box, task.corners[a]);
    if (iou >= best) {
      best = iou;
      claim = a;
    }
  }
  // IoUs above 0 order as their bits do.
  const uint64_t bits = best > 0 ? __float_as_uint(best) : 0;
  const uint64_t key = WarpMax(bits << 32 | static_cast<uint32_t>(claim));
  if (lane == 0) task.boxes[k].claim = static_cast<int32_t>(key & 0xffffffffu);
}

// Through double: see the CPU's.
__device__ __forceinline__ float Log(float v) {
  return static_cast<float>(log(static_cast<double>(v)));
}

__device__ __forceinline__ float4 Encode(const TargetBox& box, const float4& at) {
  return {((box.left + box.right) / 2 - at.x) / at.z / kCenterVariance,
          ((box.top + box.bottom) / 2 - at.y) / at.w / kCenterVariance,
          Log((box.right - box.left) / at.z) / kSizeVariance,
          Log((box.bottom - box.top) / at.w) / kSizeVariance};
}

// A thread a default box. Grid: default boxes, images.
constexpr int32_t kEncodeThreads = 256;
__global__ void __launch_bounds__(kEncodeThreads) EncodeKernel(TargetTask task) {
  const int32_t a = static_cast<int32_t>(blockIdx.x * kEncodeThreads + threadIdx.x);
  if (a >= kBoxes) return;
  const float4 corner = task.corners[a];
  float best = 0;
  int32_t owner = 0;
  for (int32_t k = task.first[blockIdx.y]; k < task.first[blockIdx.y + 1]; ++k) {
    const TargetBox& box = task.boxes[k];
    const float iou = box.claim == a ? kForcedIou : Iou(box, corner);
    if (iou >= best) {
      best = iou;
      owner = k;
    }
  }
  const bool positive = best > kPositiveIou;
  const int64_t i = static_cast<int64_t>(blockIdx.y) * kBoxes + a;
  task.label[i] = positive ? task.boxes[owner].label : 0;
  task.offset[i] = positive ? Encode(task.boxes[owner], task.centers[a]) : float4{};
}

}  // namespace

void EncodeBatch(const CudaContext& context, const TargetTask& task, int64_t batch, int64_t count) {
  SSD_CHECK(batch > 0 && batch <= 65535 && count >= 0 && count <= INT32_MAX);
  if (count > 0)
    Launch(context, ClaimKernel, {BlocksFor(count, kClaimBoxes)}, {kClaimThreads}, task,
           static_cast<int32_t>(count));
  Launch(context, EncodeKernel, {BlocksFor(kBoxes, kEncodeThreads), static_cast<uint32_t>(batch)},
         {kEncodeThreads}, task);
}

}  // namespace ssd
