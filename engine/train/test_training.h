// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/host_view.h"
#include "model/graph_builder.h"
#include "testing/distance.h"
#include "train/evaluator.h"
#include "train/synthetic.h"
#include "train/trainer.h"

namespace ssd {

// Every kind of node, and the six maps of SSD300 at a fraction of their work.
inline Graph SmallSsd() {
  constexpr int64_t kChannels = 16;
  GraphBuilder b;
  const ValueId image = b.Image(3, kImageSide);
  const ValueId stem =
      b.Conv("stem", image, {.out_channels = kChannels, .kernel = 7, .stride = 8, .pad = 2});
  const ValueId pooled = b.MaxPool(b.BatchNorm("stem_norm", stem, true), 3, 1, 1);
  const ValueId block = b.Conv("block", pooled, {.out_channels = kChannels, .kernel = 3, .pad = 1});
  std::vector<ValueId> maps{b.BatchNorm("block_norm", block, true, pooled)};
  for (int i = 0; i < 5; ++i)
    maps.push_back(b.Conv("extra" + std::to_string(i), maps.back(),
                          {.out_channels = kChannels,
                           .kernel = 3,
                           .stride = i < 3 ? 2 : 1,
                           .pad = i < 3 ? 1 : 0,
                           .bias = true,
                           .relu = true,
                           .init = Init::kXavier}));
  for (size_t k = 0; k < maps.size(); ++k)
    b.Head("head" + std::to_string(k), maps[k], kMapShapes[k]);
  return b.Take();
}

struct Training {
  explicit Training(std::unique_ptr<Backend> of, DeviceCommunicator* devices = nullptr)
      : backend(std::move(of)), peers(devices) {
    parameters.Initialize({.seed = 1, .zero_last_gamma = false}, [](const Param&) {});
  }
  float Step() {
    trainer.Step(input.train(), 1e-2);
    return trainer.TakeLosses().back();
  }
  std::vector<Detection> Detect() {
    evaluator.Upload(input.image());
    evaluator.Refresh();
    evaluator.Infer();
    const auto found = evaluator.detections(0);
    return {found.begin(), found.end()};
  }

  const std::unique_ptr<Backend> backend;
  DeviceCommunicator* const peers;
  const std::unique_ptr<Communicator> alone = OpenSolo();
  Parameters parameters{SmallSsd(), *backend};
  Trainer trainer{*backend,
                  parameters,
                  1,
                  {.momentum = 0.9f, .weight_decay = 5e-4f, .loss_scale = 128},
                  peers == nullptr ? *alone : *peers,
                  peers};
  Evaluator evaluator{*backend,
                      parameters,
                      1,
                      {.score_threshold = 0.02f, .nms_threshold = 0.5f, .candidates = 200}};
  SyntheticBatch input{1, {ActivationType(backend->precision()), backend->image_channels()}, 1};
};

inline double Distance(const HostView& got, const HostView& want) {
  return Distance(got.values(), want.values());
}

}  // namespace ssd
