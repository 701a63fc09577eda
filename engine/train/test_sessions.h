// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comm/test_ranks.h"
#include "train/session.h"

namespace ssd {

inline constexpr int kTrainImages = 9, kValImages = 5;

class Events : public EventSink {
 public:
  void Emit(uint32_t kind, uint32_t, int64_t, double value, std::string_view text) override {
    std::lock_guard lock(mutex_);
    if (kind == kEventStep) losses_.push_back(value);
    if (kind == kEventEvalBegin) ++begun_;
    if (kind == kEventSkipped) skipped_.emplace_back(text, value);
    if (kind == kEventEvalEnd || kind == kEventEvalFailed) ++reported_;
  }
  std::vector<double> losses() { return Locked(losses_); }
  int begun() { return Locked(begun_); }
  int reported() { return Locked(reported_); }
  std::vector<std::pair<std::string, double>> skipped() { return Locked(skipped_); }

 private:
  template <typename T>
  T Locked(const T& value) {
    std::lock_guard lock(mutex_);
    return value;
  }
  std::mutex mutex_;
  std::vector<double> losses_;
  std::vector<std::pair<std::string, double>> skipped_;  // split, images
  int begun_ = 0, reported_ = 0;
};

// Of a run of kTrainImages and kValImages, a step a batch of one.
inline EngineConfig ConfigOf(const std::string& data) {
  EngineConfig config;
  config.set_seed(3);
  config.set_log_interval(1);
  config.mutable_device()->set_kind(DeviceConfig::CPU);
  config.mutable_device()->set_threads(1);
  auto& model = *config.mutable_model();
  model.set_batch_size(1);
  model.set_eval_batch_size(1);
  model.set_loss_scale(128);
  model.set_bn_group(1);
  model.set_zero_init_residual(true);  // or the activations of random weights explode
  auto& input = *config.mutable_data();
  input.set_dir(data);
  input.set_train_samples(kTrainImages);
  input.set_eval_samples(kValImages);
  input.set_max_samples(1);
  input.set_threads(1);
  input.set_prefetch(1);
  auto& optimizer = *config.mutable_optimizer();
  optimizer.set_base_lr(1e-3);
  optimizer.set_decay_factor(0.1);
  optimizer.set_momentum(0.9);
  optimizer.set_steps_per_epoch(4);
  auto& eval = *config.mutable_eval();
  eval.set_score_threshold(0.012f);  // random weights are near 1/81
  eval.set_nms_threshold(0.5f);
  eval.set_candidates(4000);  // the data set has few of the 80 classes
  eval.set_threads(1);
  config.mutable_comm()->set_interface("lo");
  config.mutable_comm()->set_timeout_seconds(300);
  return config;
}

// f(rank, session, events) on sessions that are connected and prepared.
inline void OnSessions(int world, const EngineConfig& config,
                       const std::function<void(int, Session&, Events&)>& f) {
  AddressTable table(world);
  OnThreads(world, [&](int rank) {
    Events events;
    const auto session = Session::Create(config, &events);
    if (world > 1) session->Connect(table.Exchange(rank, session->Address(rank, world)));
    session->Prepare();
    f(rank, *session, events);
  });
}

}  // namespace ssd
