// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/session.h"

#include <atomic>
#include <cmath>
#include <mutex>
#include <span>
#include <vector>

#include "core/error.h"
#include "data/coco_index.h"
#include "data/inspect_sample.h"
#include "eval/detections.h"
#include "eval/scorer.h"
#include "model/ssd300.h"
#include "train/bench.h"
#include "train/checkpoint.h"
#include "train/inspect.h"
#include "train/options.h"
#include "train/ranks.h"
#include "train/synthetic.h"

namespace ssd {

namespace {

class EngineSession : public Session {
 public:
  EngineSession(const EngineConfig& config, EventSink* sink)
      : config_(config), sink_(sink), schedule_(LrScheduleOf(config)), ranks_(config) {}
  // A GPU that waits in one communicator for a rank that has failed in another does not give up its
  // memory.
  ~EngineSession() override { ranks_.Abort(); }

  std::string Address(int rank, int world) override;
  void Connect(const std::vector<std::string>& addresses) override { ranks_.Connect(addresses); }
  void Prepare() override;
  void Train(int64_t epoch, int64_t steps) override;
  void Evaluate() override;
  void Save(const std::string& path) override;
  void Inspect(const InspectRequest& request) override;
  BenchReport Bench(const BenchRequest& request) override;
  void Abort() override;
  Whereabouts Where() const override;

 private:
  void DryRun();
  void OpenTrainStream();
  void ReserveInput();
  DataOptions InputOptions() const { return DataOptionsOf(config_, *backend_, ranks_); }
  void MustBePrepared() const;
  void CheckAborted() const;
  void ReportSteps(double lr);
  void ReportSkipped(int64_t mine, const char* split);
  std::vector<CocoDetection> Detect();
  void Score(std::vector<CocoDetection> rows);
  void Log(LogLevel level, const std::string& text) {
    sink_->Emit(kEventLog, level, position_.step, 0, text);
  }

  const EngineConfig config_;
  EventSink* const sink_;
  const LrSchedule schedule_;
  std::atomic<bool> aborted_{false};
  std::atomic<const char*> doing_{"starting"};
  Ranks ranks_;

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Parameters> parameters_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<Evaluator> evaluator_;
  TrainPosition position_;

  std::unique_ptr<Dataset> data_;
  std::mutex stream_mutex_;  // guards the two pointers against Abort
  std::unique_ptr<TrainStream> train_stream_;
  std::unique_ptr<EvalStream> eval_stream_;
  int64_t skipped_ = 0;  // of train_stream_, reported
  TrainBatch batch_;     // the current one; the only one with data.synthetic
  std::unique_ptr<Scorer> scorer_;
};

void EngineSession::CheckAborted() const {
  if (aborted_) Throw(Status::kAborted, "stopped");
}

void EngineSession::MustBePrepared() const {
  if (trainer_ == nullptr) Throw(Status::kInvalid, "the engine is not prepared");
}

std::string EngineSession::Address(int rank, int world) {
  if (backend_ != nullptr) Throw(Status::kInvalid, "address: the engine is already prepared");
  return ranks_.Address(rank, world);
}

void EngineSession::Prepare() {
  if (trainer_ != nullptr) Throw(Status::kInvalid, "the engine is already prepared");
  doing_ = "preparing";
  BackendOptions options = BackendOptionsOf(config_, ranks_.norm_span());
  options.warn = [this](const std::string& message) { Log(kWarning, message); };
  backend_ = OpenBackend(options);
  Log(kInfo, backend_->Describe());
  parameters_ = std::make_unique<Parameters>(BuildSsd300(), *backend_);
  trainer_ = std::make_unique<Trainer>(*backend_, *parameters_, config_.model().batch_size(),
                                       SgdOptionsOf(config_), ranks_.all(), ranks_.devices());
  evaluator_ = std::make_unique<Evaluator>(
      *backend_, *parameters_, config_.model().eval_batch_size(), DetectOptionsOf(config_));
  DryRun();
  ReserveInput();
  CheckAborted();
  parameters_->Initialize(
      {.seed = config_.seed(), .zero_last_gamma = config_.model().zero_init_residual()},
      [&](const Param& p) { sink_->Emit(kEventTensorInit, kInfo, 0, 0, p.name); });
  if (!config_.model().backbone().empty())
    parameters_->Load(TensorFile(config_.model().backbone()));
  if (!config_.resume_from().empty())
    position_ = LoadCheckpoint(config_.resume_from(), RunIdentityOf(config_, ranks_), *parameters_);
  ranks_.ShareState(*parameters_, position_);
}

// Spec section 10, step 3: every path once on made-up data, so that nothing is planned, loaded or
// faulted in while the clock runs. The parameters are initialised anew afterwards.
void EngineSession::DryRun() {
  parameters_->Initialize({.seed = 0, .zero_last_gamma = false}, [](const Param&) {});
  const ImageFormat format = InputOptions().format;
  const SyntheticBatch batch(trainer_->batch(), format, 0);
  trainer_->Step(batch.train(), 0);
  trainer_->TakeLosses();
  CheckAborted();
  const SyntheticBatch images(evaluator_->batch(), format, 0);
  evaluator_->Upload(images.image());
  evaluator_->Refresh();
  evaluator_->Infer();
}

// No file of the data set is read before the clock runs.
void EngineSession::ReserveInput() {
  DataOptions options = InputOptions();
  options.backend = backend_.get();
  options.on_host_decoder = [this](const std::string& why) {
    Log(kInfo, "the host decodes images: " + why);
  };
  options.on_bad_image = [this](const std::string& message) { Log(kWarning, message); };
  data_ = Dataset::Make(options);
  data_->ReserveEval(evaluator_->batch());
}

void EngineSession::OpenTrainStream() {
  if (train_stream_ != nullptr) return;
  data_->ReadAnnotations(true, true);
  auto stream = data_->Train(trainer_->batch(), position_.step * trainer_->batch());
  std::lock_guard lock(stream_mutex_);
  train_stream_ = std::move(stream);
}

void EngineSession::Train(int64_t epoch, int64_t steps) {
  MustBePrepared();
  CheckAborted();
  doing_ = "opening the data";
  OpenTrainStream();
  if (epoch != position_.epoch) position_ = {epoch, 0, position_.step};
  for (int64_t i = 0; i < steps; ++i) {
    CheckAborted();
    doing_ = "loading data";
    if (batch_.image_id == nullptr || !config_.data().synthetic()) batch_ = train_stream_->Next();
    doing_ = "computing a step";
    const double lr = schedule_.At(epoch, position_.iteration + 1);
    trainer_->Step(batch_, lr);
    batch_.renderer = nullptr;  // taken
    ++position_.iteration;
    ++position_.step;
    if (position_.iteration % config_.log_interval() == 0 || i + 1 == steps) {
      ReportSteps(lr);
    } else {
      sink_->Emit(kEventProgress, kInfo, position_.step, 0, "");
    }
  }
  ReportSkipped(train_stream_->skipped() - skipped_, "train");
  skipped_ = train_stream_->skipped();
  doing_ = "averaging statistics";
  ranks_.AverageStatistics(*parameters_);  // so that one rank's are those to save
}

// Of the steps since the last report; waits for them.
void EngineSession::ReportSteps(double lr) {
  const std::vector<float> mine = trainer_->TakeLosses();
  std::vector<double> losses(mine.begin(), mine.end());
  ranks_.Average(losses);
  const auto steps = static_cast<int64_t>(losses.size());
  double sum = 0;
  for (int64_t i = 0; i < steps; ++i) {
    const double loss = losses[static_cast<size_t>(i)];
    if (!std::isfinite(loss))
      Throw(Status::kDiverged,
            "the loss is not finite at epoch %lld, iteration %lld: lower optimizer.base_lr or "
            "lengthen the warm-up",
            static_cast<long long>(position_.epoch),
            static_cast<long long>(position_.iteration - steps + 1 + i));
    sum += loss;
  }
  sink_->Emit(kEventLearningRate, kInfo, position_.step, lr, "");
  sink_->Emit(kEventStep, kInfo, position_.step, sum / static_cast<double>(steps), "");
}

// Of all ranks together; a sum over them.
void EngineSession::ReportSkipped(int64_t mine, const char* split) {
  if (config_.data().bad_image() != DataConfig::SKIP) return;
  auto skipped = static_cast<double>(mine);
  ranks_.all().Sum(std::span(&skipped, 1));
  if (skipped > 0) sink_->Emit(kEventSkipped, kWarning, position_.step, skipped, split);
}

void EngineSession::Evaluate() {
  MustBePrepared();
  CheckAborted();
  doing_ = "opening the data";
  data_->ReadAnnotations(true, true);
  doing_ = "inferring";
  sink_->Emit(kEventEvalBegin, kInfo, position_.step, 0, "");
  auto rows = ranks_.GatherDetections(Detect());
  if (rows) Score(std::move(*rows));
}

// Of this rank's evaluation images.
std::vector<CocoDetection> EngineSession::Detect() {
  evaluator_->Refresh();
  {
    auto stream = data_->Eval(evaluator_->batch());
    std::lock_guard lock(stream_mutex_);
    eval_stream_ = std::move(stream);
  }
  const auto categories = data_->val_index().category_ids();
  const ReportFormat format{{categories.begin(), categories.end()}, config_.eval().plus_one()};
  std::vector<CocoDetection> rows;
  evaluator_->Run(*eval_stream_,
                  [&](const EvalBatch& batch, int64_t i, std::span<const Detection> detections) {
                    CheckAborted();
                    AppendCocoDetections(detections, batch.image_id[i], batch.width[i],
                                         batch.height[i], format, rows);
                  });
  ReportSkipped(eval_stream_->skipped(), "val");
  std::unique_ptr<EvalStream> done;  // ends behind the lock
  std::lock_guard lock(stream_mutex_);
  done.swap(eval_stream_);
  return rows;
}

// Beside what follows.
void EngineSession::Score(std::vector<CocoDetection> rows) {
  if (scorer_ == nullptr)
    scorer_ = std::make_unique<Scorer>(
        data_->val_annotations(), config_.eval().threads(), [this](const Scorer::Result& result) {
          if (result.error.empty())
            sink_->Emit(kEventEvalEnd, kInfo, result.tag, result.ap, "");
          else
            sink_->Emit(kEventEvalFailed, kError, result.tag, 0, result.error);
        });
  if (!config_.eval().detections().empty())
    WriteDetections(
        config_.eval().detections() + "/detections_step" + std::to_string(position_.step) + ".json",
        rows);
  scorer_->Submit(position_.step, std::move(rows));
}

void EngineSession::Save(const std::string& path) {
  MustBePrepared();
  doing_ = "saving";
  backend_->Synchronize();
  SaveCheckpoint(path, *parameters_, position_, RunIdentityOf(config_, ranks_));
}

void EngineSession::Inspect(const InspectRequest& request) {
  CheckAborted();
  if (request.has_step()) return InspectStep(config_, request.step(), aborted_);
  if (!request.has_sample())
    Throw(Status::kInvalid, "inspect: the request names nothing to look at");
  const auto& sample = request.sample();
  DataOptions options;
  options.dir = config_.data().dir();
  options.seed = config_.seed();
  options.max_samples = config_.data().max_samples();
  InspectSample(options, sample.train(), sample.epoch(), sample.image_id(), sample.output());
}

BenchReport EngineSession::Bench(const BenchRequest& request) {
  CheckAborted();
  doing_ = "measuring";
  return RunBench(config_, request, ranks_, aborted_);
}

Whereabouts EngineSession::Where() const {
  const CollectiveCount& count = ranks_.collectives();
  const bool waiting = count.under_way > 0;
  return {waiting ? count.last.load() : doing_.load(), count.begun, waiting};
}

void EngineSession::Abort() {
  aborted_ = true;
  ranks_.Abort();
  std::lock_guard lock(stream_mutex_);
  if (train_stream_ != nullptr) train_stream_->Abort();
  if (eval_stream_ != nullptr) eval_stream_->Abort();
}

}  // namespace

std::unique_ptr<Session> Session::Create(const EngineConfig& config, EventSink* sink) {
  CheckConfig(config);
  return std::make_unique<EngineSession>(config, sink);
}

}  // namespace ssd
