// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// What a device must be able to do. The network is planned once: the model describes every op by a
// descriptor, the backend makes an executable Op of it, says what memory it needs and is then bound
// to addresses. A step walks a vector of Ops: no allocation, no decision, nothing a CUDA graph
// could not capture. CPU and CUDA have the same file names (backends/cpu/conv.cc,
// backends/cuda/conv.cc).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/batch_renderer.h"
#include "backends/device_jpeg.h"
#include "core/dtype.h"

namespace ssd {

inline constexpr int32_t kImageSide = 300;      // pixels: the network's image is square
inline constexpr int64_t kMaps = 6;             // feature maps with a head
inline constexpr int64_t kDefaultBoxes = 8732;  // over all maps (spec section 3)
inline constexpr int64_t kClasses = 81;         // with background 0
inline constexpr int64_t kMapSize[kMaps] = {38, 19, 10, 5, 3, 1};  // rows = columns
inline constexpr int64_t kMapShapes[kMaps] = {4, 6, 6, 6, 4, 4};   // default boxes a cell
inline constexpr int64_t kMapFirst[kMaps] = {0, 5776, 7942, 8542, 8692, 8728};

enum class Precision : uint8_t {
  kF32,   // everything f32
  kBF16,  // activations, their gradients and convolution weights bf16; the rest f32
  kF16,   // the same in f16 (CUDA)
};
constexpr DType ActivationType(Precision p) {
  return p == Precision::kF32 ? DType::kF32 : p == Precision::kBF16 ? DType::kBF16 : DType::kF16;
}

// How a batch of activations [batch, channels, height, width] lies in memory.
enum class Layout : uint8_t {
  kActivation,    // the backend's own choice for its precision, the same for every op
  kImage,         // network input, channels last: [n][h][w][image_channels()]
  kHead,          // output of a head, f32, channels last: [n][h][w][head_channels(shapes)]; channel
                  // a*81 + c is the score of class c of shape a, 81*shapes + a*4 + t is offset t
  kHeadGradient,  // the same shape, activation type
};
struct ValueDesc {
  int64_t batch, channels, height, width;
  Layout layout = Layout::kActivation;
};

// y = relu?(w * x + bias? + residual?). Weights OIHW, f32 (master weights; the op converts them).
// residual and fold only without gradients (training = false).
struct ConvDesc {
  ValueDesc x, y;
  int64_t kernel, stride, pad;
  bool bias = false;
  bool relu = false;
  bool residual = false;  // add OpArgs::residual before the ReLU
  bool fold = false;      // y = gamma (w*x - running_mean) / sqrt(running_var + eps) + beta ...
  float eps = 0;          // of the BatchNorm that it folds or normalises with
  bool training = true;   // Backward will be called
  bool input_gradient = true;  // false for the first convolution

  // Work of neighbours done in passing, in training and by a backend that fuses().
  bool statistics = false;  // Forward leaves OpArgs::sums of y
  bool normalise = false;   // x is the input of a deferred BatchNorm and the convolution is of what
                            // that gives, relu(norm(x)); dx is before that ReLU, and Backward finds
                            // that BatchNorm's dgamma and dbeta
  int64_t dx_terms = 0;     // as many OpArgs::dx_terms are added to dx
  bool dx_relu = false;     // x comes out of a ReLU: dx is before it, zero where x is not positive
  bool finished = false;    // dy is one term, before the ReLU of y: its consumer did both
};

// y = relu?(gamma (x - mean) / sqrt(var + eps) + beta + residual?), statistics over batch, rows and
// columns in training (biased variance) and over BackendOptions::norm_span, running ones otherwise.
// Training updates running = momentum running + (1 - momentum) batch, with the unbiased variance (n
// / (n-1)).
struct BatchNormDesc {
  ValueDesc x;  // y has the same
  float eps, momentum;
  bool relu = false;
  bool residual = false;
  bool training = true;

  // Work that neighbours do, as in ConvDesc.
  bool sums = false;      // the convolution before left OpArgs::sums of x
  bool deferred = false;  // the convolution behind reads x in y's stead, and OpArgs::saved as its
                          // OpArgs::norm; it finds dgamma and dbeta, too. y and residual are null
  bool finished = false;  // dy is one term, before the ReLU: also the residual's gradient

  // A residual grows from block to block, and so does what rounding takes from it. In training, on
  // a backend that keeps_rests(), residual_rest adds OpArgs::residual_rest to the residual and
  // y_rest leaves what y lost in OpArgs::y_rest, rounded itself: together they have twice the
  // digits.
  bool residual_rest = false, y_rest = false;
};

// Windows reach over the edge by pad; the edge never wins. A tie goes to the first in row-major
// order.
struct MaxPoolDesc {
  ValueDesc x, y;
  int64_t kernel, stride, pad;
  bool training = true;
};

// Addresses an op is bound to; unused ones are null. Gradients of y arrive as terms, one from each
// consumer of y, in y's layout and type; the op sums them as it reads them.
struct OpArgs {
  const void* x = nullptr;
  const void* residual = nullptr;
  const void* residual_rest = nullptr;
  void* y_rest = nullptr;
  void* y = nullptr;  // alive until Backward for a convolution with a ReLU, x for all but max-pool
  std::vector<const void*> dy;
  void* dx = nullptr;
  void* dresidual = nullptr;      // null where dy is finished
  const float* weight = nullptr;  // conv [O,I,K,K]
  const float* bias = nullptr;    // conv [O]; it and dbias end in lines of 64 bytes, zero behind
  const float* gamma = nullptr;   // BatchNorm or folded into conv [C]
  const float* beta = nullptr;
  float* running_mean = nullptr;
  float* running_var = nullptr;
  float* dweight = nullptr;  // overwritten, not accumulated; same for the next three; whole after
                             // Backend::UnpackGradients
  float* dbias = nullptr;
  float* dgamma = nullptr;
  float* dbeta = nullptr;
  float* sums = nullptr;       // [2, channels]: of y (x of a BatchNorm) and of its squares
  const void* norm = nullptr;  // conv: saved of the BatchNorm that it normalises with; gamma
                               // to dbeta are that one's, too
  std::vector<const void*> dx_terms = {};  // conv: further terms of dx, in its layout
  void* saved = nullptr;                   // Needs().saved bytes, alive from Forward to Backward
  void* scratch = nullptr;                 // Needs().scratch bytes, free between calls
};

class Op {
 public:
  struct Needs {
    size_t saved = 0;
    size_t scratch = 0;
  };
  virtual ~Op() = default;
  virtual Needs needs() const = 0;
  virtual void Bind(const OpArgs& args) = 0;  // once, after planning
  virtual void Forward() = 0;
  virtual void Backward() = 0;  // REQUIRES: training and a Forward before it
  // Ops may keep converted weights: call after the parameters changed by other means than SgdOp.
  virtual void Refresh() {}
};

// Spec section 5 over the six head maps. The gradient of the mean loss times loss_scale goes to
// gradient[k] (Layout::kHeadGradient), zeros included.
struct MultiboxDesc {
  int64_t batch;
  float loss_scale;
};
struct MultiboxArgs {
  std::array<const float*, kMaps> map;  // Layout::kHead
  std::array<void*, kMaps> gradient;    // all null: loss only
  const int32_t* label;                 // [batch, 8732], 0 = background
  const float* offset;                  // [batch, 8732, 4]
  float* loss;                          // [1] on the device: mean of the batch, without loss_scale
  void* scratch;
};
class MultiboxOp {
 public:
  virtual ~MultiboxOp() = default;
  virtual size_t scratch() const = 0;
  virtual void Bind(const MultiboxArgs& args) = 0;
  virtual void Run() = 0;
};

// Spec section 8: from the six head maps to the detections of each image.
struct DetectDesc {
  int64_t batch;
  float score_threshold = 0.05f;  // strict
  float nms_threshold = 0.5f;     // strict
  int64_t candidates = 200;       // of an image, over all classes, before NMS
  // Centre form, 8732 of them: DefaultBoxes() of loss/default_boxes.h. Read when the op is made.
  std::span<const std::array<float, 4>> default_boxes;
};
struct Detection {
  float left, top, right, bottom;  // relative, not clipped
  float score;
  int32_t label;  // class 0..79 (background left out)
};
class DetectOp {
 public:
  virtual ~DetectOp() = default;
  virtual size_t scratch() const = 0;
  // count[i] detections of image i at out[i * candidates], sorted by score descending. Host memory,
  // written by Run and whole after Synchronize.
  virtual void Bind(const std::array<const float*, kMaps>& map, Detection* out, int32_t* count,
                    void* scratch) = 0;
  virtual void Run() = 0;
};

// Spec section 6: g = grad / loss_scale + decay w; m = momentum m - lr g; w = w + m. Element-wise.
struct SgdArgs {
  float* w;
  float* m;
  float* gradient;
  int64_t size;
};
struct SgdRates {
  float lr, momentum, decay, loss_scale;
};
// Gradients that lie in a row. first: of the arena, where they or what lies there in their place
// begin.
struct GradientRun {
  void* data;
  int64_t count;
  DType type;  // kF32 or kF16
  int64_t first;
};
class SgdOp {
 public:
  virtual ~SgdOp() = default;
  virtual std::vector<GradientRun> gradients() const = 0;  // all that Run reads, in their order
  virtual void SetRates(const SgdRates& rates) = 0;        // of the Runs from here on
  virtual void Run() = 0;
};

// A block of device memory, whole 64-byte lines, zeroed. Its addresses may mean nothing on the
// host.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  virtual void* data() const = 0;
  virtual size_t size() const = 0;
};

// Calls on a backend that can be made again and again.
class Recorded {
 public:
  virtual ~Recorded() = default;
  virtual void Run() = 0;
};

// Not thread-safe: one thread (the engine's driver thread) makes and runs everything of a backend.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string Describe() const = 0;  // "cpu: oneDNN 3.2.0, avx512_core_bf16, 2 threads"
  virtual Precision precision() const = 0;
  // Whether training ops take work over from each other: ConvDesc::statistics and what follows.
  virtual bool fuses() const = 0;
  // Whether residuals keep what rounding takes from them: BatchNormDesc::y_rest.
  virtual bool keeps_rests() const { return false; }

  virtual size_t Bytes(const ValueDesc& value) const = 0;
  virtual int64_t image_channels() const = 0;               // 3, or 4 with a zero channel
  virtual int64_t head_channels(int64_t shapes) const = 0;  // >= 85 * shapes
  // Between a value and f32 [n,c,h,w] on the host. For tests, inspection and set-up, not for a
  // step. Head padding is left out on the way out and zero on the way in.
  virtual void Import(const ValueDesc& value, std::span<const float> nchw, void* data) = 0;
  virtual void Export(const ValueDesc& value, const void* data, std::span<float> nchw) = 0;

  virtual std::unique_ptr<DeviceMemory> Allocate(size_t bytes) = 0;
  // Whether the host may read and write DeviceMemory in place. See HostView of host_view.h.
  virtual bool memory_is_host() const = 0;
  // Copies between the host and DeviceMemory, enqueued behind what is: the host's bytes belong to
  // the copy until Synchronize.
  virtual void Upload(void* device, std::span<const std::byte> host) = 0;
  virtual void Download(std::span<std::byte> host, const void* device) = 0;
  virtual void Copy(void* to, const void* from, size_t bytes) = 0;  // of DeviceMemory, enqueued
  virtual std::unique_ptr<Op> MakeConv(const ConvDesc&) = 0;
  virtual std::unique_ptr<Op> MakeBatchNorm(const BatchNormDesc&) = 0;
  virtual std::unique_ptr<Op> MakeMaxPool(const MaxPoolDesc&) = 0;
  virtual std::unique_ptr<MultiboxOp> MakeMultibox(const MultiboxDesc&) = 0;
  virtual std::unique_ptr<DetectOp> MakeDetect(const DetectDesc&) = 0;
  // Null: the host decodes. Throws Status::kUnavailable for a decoder that is missing.
  virtual std::unique_ptr<DeviceJpeg> MakeDeviceJpeg() { return nullptr; }
  // Null: the host renders, and uploads whole batches.
  virtual std::unique_ptr<BatchRenderer> MakeBatchRenderer(const BatchRendererDesc&) {
    return nullptr;
  }
  // REQUIRES: every training op of these parameters is bound.
  virtual std::unique_ptr<SgdOp> MakeSgd(const SgdArgs&) = 0;
  // Backward may leave a filter's gradient, for SgdOp, in a form of the backend's own. Writes all
  // of them to OpArgs::dweight, for whoever looks there; and the other way round.
  virtual void UnpackGradients() = 0;
  virtual void PackGradients() = 0;
  // What calls enqueues, to be run at every Run; calls itself may be made only in the first, so it
  // must enqueue the same each time, wait for nothing and move nothing from or to the host.
  virtual std::unique_ptr<Recorded> Record(std::function<void()> calls) = 0;
  // Work of others on a stream of the backend (null: done when enqueue returns): behind what is
  // enqueued so far and beside what follows. What follows Join is behind it.
  virtual void Beside(const std::function<void(void* stream)>& enqueue) = 0;
  virtual void Join() = 0;
  virtual bool Idle() = 0;         // whether nothing enqueued is left to do
  virtual void Synchronize() = 0;  // waits until then
};

// The ranks that a training BatchNorm spans (spec section 6), all with the same batch. Called by
// the thread that runs or records the op, in the order of the ops. values are the backend's memory;
// the sum is enqueued on stream, one of its own (null: done on return), and has the same bytes on
// every rank.
class NormSpan {
 public:
  virtual ~NormSpan() = default;
  virtual int64_t ranks() const = 0;
  virtual void Sum(std::span<double> values, void* stream) = 0;
};

enum class DeviceKind : uint8_t { kAuto, kCpu, kCuda };
struct BackendOptions {
  DeviceKind device = DeviceKind::kAuto;
  Precision precision = Precision::kF32;
  int threads = 0;                // CPU: 0 = all this process may run on
  NormSpan* norm_span = nullptr;  // must outlive the backend; null: this rank alone
  // CUDA: folder that keeps which cuDNN plans are fastest; empty: none.
  std::string plan_cache = {};
  bool time_plans = true;  // CUDA: else the first plan that cuDNN offers is taken, for tests
  bool fusions = true;     // CUDA: whether it fuses()
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};
// Throws Status::kUnavailable naming what is missing. The only file with a build switch: open.cc.
std::unique_ptr<Backend> OpenBackend(const BackendOptions& options);
bool OpensOnGpu(const BackendOptions& options);  // whether it would be on one

}  // namespace ssd
