// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/evaluator.h"

#include "loss/default_boxes.h"

namespace ssd {

Evaluator::Evaluator(Backend& backend, const Parameters& parameters, int64_t batch,
                     const DetectOptions& options)
    : backend_(backend),
      candidates_(options.candidates),
      detect_op_(backend.MakeDetect({.batch = batch,
                                     .score_threshold = options.score_threshold,
                                     .nms_threshold = options.nms_threshold,
                                     .candidates = options.candidates,
                                     .default_boxes = DefaultBoxes()})),
      network_(parameters.graph(), backend, parameters, batch, Network::Mode::kInfer,
               detect_op_->scratch()),
      detections_(static_cast<size_t>(batch * options.candidates)),
      counts_(static_cast<size_t>(batch)) {
  std::array<const float*, kMaps> maps;
  for (size_t k = 0; k < maps.size(); ++k) maps[k] = network_.head(static_cast<int64_t>(k));
  detect_op_->Bind(maps, detections_.data(), counts_.data(), network_.scratch());
}

void Evaluator::Upload(const void* image) {
  backend_.Upload(network_.image(), {static_cast<const std::byte*>(image), network_.image_bytes()});
}

void Evaluator::Infer(OpProfile* profile) {
  network_.Forward(profile);
  Timed(profile, backend_, "detect", "", [&] { detect_op_->Run(); });
  backend_.Synchronize();
}

void Evaluator::Run(EvalStream& stream, const OnImage& on_image) {
  EvalBatch batch;
  while (stream.Next(&batch)) {
    if (batch.renderer != nullptr) {
      batch.renderer->Take(network_.image(), nullptr, nullptr);
    } else {
      Upload(batch.image);
    }
    Infer();
    for (int64_t i = 0; i < batch.count; ++i) on_image(batch, i, detections(i));
  }
}

std::span<const Detection> Evaluator::detections(int64_t image) const {
  return {detections_.data() + image * candidates_,
          static_cast<size_t>(counts_[static_cast<size_t>(image)])};
}

}  // namespace ssd
