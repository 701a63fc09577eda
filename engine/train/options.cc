// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/options.h"

#include <cmath>

#include "core/error.h"

namespace ssd {

namespace {

template <typename T>
void AtLeast(const char* key, T value, T least) {
  if (!(value >= least))
    Throw(Status::kInvalid, "%s is %s, must be at least %s", key, std::to_string(value).c_str(),
          std::to_string(least).c_str());
}

// Above this no memory suffices, and sizes may not count in 64 bits.
void Batch(const char* key, int64_t value) {
  constexpr int64_t kMost = 1 << 20;
  if (value < 1 || value > kMost)
    Throw(Status::kInvalid, "%s is %lld, must be 1 to %lld", key, static_cast<long long>(value),
          static_cast<long long>(kMost));
}

void Finite(const char* key, double value) {
  if (!std::isfinite(value)) Throw(Status::kInvalid, "%s is not a finite number", key);
}

}  // namespace

void CheckConfig(const EngineConfig& config) {
  Batch("model.batch_size", config.model().batch_size());
  Batch("model.eval_batch_size", config.model().eval_batch_size());
  AtLeast("device.threads", config.device().threads(), 0);
  AtLeast("data.threads", config.data().threads(), 0);
  AtLeast<int64_t>("data.cache_mb", config.data().cache_mb(), 0);
  AtLeast<int64_t>("log_interval", config.log_interval(), 1);
  const int group = config.model().bn_group();
  if (group < 0 || group > 16 || (group & (group - 1)) != 0)
    Throw(Status::kInvalid, "model.bn_group is %d, must be 1, 2, 4, 8 or 16", group);
  if (!(config.model().loss_scale() > 0))
    Throw(Status::kInvalid, "model.loss_scale must be above 0");
  Finite("optimizer.base_lr", config.optimizer().base_lr());
  Finite("optimizer.weight_decay", config.optimizer().weight_decay());
  AtLeast("eval.candidates", config.eval().candidates(), 1);
}

BackendOptions BackendOptionsOf(const EngineConfig& config, NormSpan* norm_span) {
  BackendOptions options;
  options.norm_span = norm_span;
  options.plan_cache = config.device().plan_cache();
  options.fusions = config.device().fusions();
  switch (config.device().kind()) {
    case DeviceConfig::CPU:
      options.device = DeviceKind::kCpu;
      break;
    case DeviceConfig::CUDA:
      options.device = DeviceKind::kCuda;
      break;
    default:
      options.device = DeviceKind::kAuto;
  }
  switch (config.model().precision()) {
    case ModelConfig::F32:
      options.precision = Precision::kF32;
      break;
    case ModelConfig::BF16:
      options.precision = Precision::kBF16;
      break;
    case ModelConfig::FP16:
      options.precision = Precision::kF16;
      break;
    default:
      Throw(Status::kInvalid, "model.precision %d is not known to this engine",
            static_cast<int>(config.model().precision()));
  }
  options.threads = config.device().threads();
  return options;
}

DataOptions DataOptionsOf(const EngineConfig& config, const Backend& backend, const Ranks& ranks) {
  const DataConfig& data = config.data();
  return {.dir = data.dir(),
          .train_samples = data.train_samples(),
          .eval_samples = data.eval_samples(),
          .seed = config.seed(),
          .max_samples = data.max_samples(),
          .threads = data.threads(),
          .prefetch = data.prefetch(),
          .bad_image = data.bad_image() == DataConfig::SKIP ? BadImage::kSkip : BadImage::kFail,
          .cache_sharding = data.sharding() == DataConfig::CACHE,
          .cache_bytes = data.cache_mb() << 20,
          .rank = ranks.rank(),
          .ranks = ranks.world(),
          .format = {.dtype = ActivationType(backend.precision()),
                     .channels = backend.image_channels()},
          .decoder = data.decoder() == DataConfig::HOST     ? Decoder::kHost
                     : data.decoder() == DataConfig::NVJPEG ? Decoder::kDevice
                                                            : Decoder::kAuto};
}

LrSchedule LrScheduleOf(const EngineConfig& config) {
  const OptimizerConfig& o = config.optimizer();
  return {.base_lr = o.base_lr(),
          .warmup_steps = o.warmup_steps(),
          .warmup_factor = o.warmup_factor(),
          .decay_epochs = {o.decay_epochs().begin(), o.decay_epochs().end()},
          .decay_factor = o.decay_factor(),
          .steps_per_epoch = o.steps_per_epoch()};
}

SgdOptions SgdOptionsOf(const EngineConfig& config) {
  return {.momentum = static_cast<float>(config.optimizer().momentum()),
          .weight_decay = static_cast<float>(config.optimizer().weight_decay()),
          .loss_scale = config.model().loss_scale()};
}

DetectOptions DetectOptionsOf(const EngineConfig& config) {
  return {.score_threshold = config.eval().score_threshold(),
          .nms_threshold = config.eval().nms_threshold(),
          .candidates = config.eval().candidates()};
}

RunIdentity RunIdentityOf(const EngineConfig& config, const Ranks& ranks) {
  return {.seed = config.seed(),
          .batch = config.model().batch_size(),
          .precision = ModelConfig::Precision_Name(config.model().precision()),
          .ranks = ranks.world()};
}

}  // namespace ssd
