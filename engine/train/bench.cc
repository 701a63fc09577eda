// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/bench.h"

#include <cstring>
#include <functional>
#include <numeric>

#include "core/error.h"
#include "model/ssd300.h"
#include "train/bench_allreduce.h"
#include "train/bench_clock.h"
#include "train/bench_input.h"
#include "train/bench_roofline.h"
#include "train/options.h"
#include "train/synthetic.h"

namespace ssd {

namespace {

constexpr int kWarmUp = 2;

// Times steps of `batch` images after a warm-up.
void TimeSteps(int64_t steps, int64_t batch, const std::atomic<bool>& aborted,
               const std::function<void()>& step, BenchReport& report) {
  for (int i = 0; i < kWarmUp; ++i) {
    CheckAborted(aborted);
    step();
  }
  const double cpu = CpuMilliseconds();
  for (int64_t i = 0; i < steps; ++i) {
    CheckAborted(aborted);
    const auto start = BenchClock::now();
    step();
    report.add_step_ms(Milliseconds(BenchClock::now() - start));
  }
  const double images = static_cast<double>(steps * batch);
  const double ms = std::accumulate(report.step_ms().begin(), report.step_ms().end(), 0.0);
  report.set_images_per_second(1e3 * images / ms);
  report.set_cpu_ms_per_image((CpuMilliseconds() - cpu) / images);
}

void AddProfile(const OpProfile& profile, BenchReport& report) {
  for (const auto& [kind, entry] : profile.entries) {
    OpTime* op = report.add_ops();
    op->set_kind(kind);
    op->set_ms(entry.ms);
    op->set_calls(entry.calls);
  }
}

void BenchTraining(const EngineConfig& config, const BenchRequest& request, Ranks& ranks,
                   Backend& backend, Parameters& parameters, const std::atomic<bool>& aborted,
                   BenchReport& report) {
  Trainer trainer(backend, parameters, config.model().batch_size(), SgdOptionsOf(config),
                  ranks.all(), ranks.devices());
  const ImageFormat format = DataOptionsOf(config, backend, ranks).format;
  const SyntheticBatch input(trainer.batch(), format, config.seed());
  const auto step = [&] {
    trainer.Step(input.train(), 1e-4);
    backend.Synchronize();
  };
  if (request.what() == BenchRequest::CONVOLUTIONS) {
    step();  // fills the buffers with plausible values
    return TimeSteps(
        request.steps(), trainer.batch(), aborted,
        [&] {
          trainer.network().ConvolutionsOnly();
          backend.Synchronize();
        },
        report);
  }
  TimeSteps(request.steps(), trainer.batch(), aborted, step, report);
  report.set_images_per_second(report.images_per_second() * ranks.world());
  CheckAborted(aborted);
  OpProfile profile;
  trainer.Step(input.train(), 1e-4, &profile);
  AddProfile(profile, report);
}

void BenchInference(const EngineConfig& config, const BenchRequest& request, const Ranks& ranks,
                    Backend& backend, const Parameters& parameters,
                    const std::atomic<bool>& aborted, BenchReport& report) {
  Evaluator evaluator(backend, parameters, config.model().batch_size(), DetectOptionsOf(config));
  const SyntheticBatch input(evaluator.batch(), DataOptionsOf(config, backend, ranks).format,
                             config.seed());
  evaluator.Refresh();
  const auto step = [&] {
    evaluator.Upload(input.image());
    evaluator.Infer();
  };
  TimeSteps(request.steps(), evaluator.batch(), aborted, step, report);
  OpProfile profile;
  evaluator.Infer(&profile);
  AddProfile(profile, report);
}

}  // namespace

BenchReport RunBench(const EngineConfig& config, const BenchRequest& request, Ranks& ranks,
                     const std::atomic<bool>& aborted) {
  if (request.what() == BenchRequest::ROOFLINE) return RooflineOf(config.model().batch_size());
  if (request.what() == BenchRequest::ALLREDUCE)
    return BenchAllreduce(request.allreduce(), ranks.all(), aborted);
  const bool input =
      request.what() == BenchRequest::INPUT_TRAIN || request.what() == BenchRequest::INPUT_VAL;
  if (!input && request.steps() < 1)
    Throw(Status::kInvalid, "bench: steps is %lld, must be at least 1",
          static_cast<long long>(request.steps()));
  BenchReport report;
  const auto backend = OpenBackend(BackendOptionsOf(config, ranks.norm_span()));
  report.set_backend(backend->Describe());
  if (input) {
    BenchInput(request, DataOptionsOf(config, *backend, ranks), config.model().batch_size(),
               *backend, aborted, report);
  } else {
    Parameters parameters(BuildSsd300(), *backend);
    parameters.Initialize({.seed = config.seed(), .zero_last_gamma = false}, [](const Param&) {});
    if (request.what() == BenchRequest::INFER)
      BenchInference(config, request, ranks, *backend, parameters, aborted, report);
    else
      BenchTraining(config, request, ranks, *backend, parameters, aborted, report);
  }
  report.set_peak_memory_bytes(int64_t{1024} * Usage().ru_maxrss);
  return report;
}

}  // namespace ssd
