// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// A session without maths behind the real ABI layer, for tests of what calls it. model.backbone
// directs it: words after the last "fake:" up to ".safetensors", separated by commas. fail-prepare,
// fail-train=STEP, fail-eval; crash-prepare, crash-train=STEP, crash-infer, crash-sum (kill the
// process); hang-prepare, hang-load=STEP, hang-train=STEP, hang-infer, hang-sum (until Abort);
// rank=R (the above only there); others-wait (the other ranks for one that hangs, in a collective);
// slow=MS (each step), ap=VALUE (first score, +0.05 each), skip=N (bad images, in each call of
// train and evaluate). Times of an all-reduce are made up: with slow-rank=R all that rank R does
// takes ten times as long, with slow-link=R its swaps with the next rank; wrong-sum=R counts wrong
// values there.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <sstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "model/ssd300.h"
#include "train/score.h"
#include "train/session.h"
#include "train/verify_data.h"

namespace ssd {

namespace {

// "a,b=1" of "folder/fake:a,b=1.safetensors"; empty without "fake:".
std::string DirectivesOf(const std::string& path) {
  const size_t mark = path.rfind("fake:");
  if (mark == std::string::npos) return "";
  std::string directives = path.substr(mark + 5);
  return directives.substr(0, directives.rfind(".safetensors"));
}

class FakeSession : public Session {
 public:
  FakeSession(const EngineConfig& config, EventSink* sink) : config_(config), sink_(sink) {
    std::istringstream words(DirectivesOf(config.model().backbone()));
    for (std::string word; std::getline(words, word, ',');) {
      const size_t equals = word.find('=');
      directives_[word.substr(0, equals)] =
          equals == std::string::npos ? 1 : std::atof(word.c_str() + equals + 1);
    }
    ap_ = directives_.contains("ap") ? directives_["ap"] : 0.1;
  }

  std::string Address(int rank, int world) override {
    rank_ = rank;
    world_ = world;
    return AddressOf(rank);
  }

  // Wants what Address gave on every rank, in order.
  void Connect(const std::vector<std::string>& addresses) override {
    if (static_cast<int>(addresses.size()) != world_)
      Throw(Status::kInvalid, "connect: %zu addresses for %d ranks", addresses.size(), world_);
    for (int rank = 0; rank < world_; ++rank)
      if (addresses[static_cast<size_t>(rank)] != AddressOf(rank))
        Throw(Status::kInvalid, "connect: rank %d of %d: the address of rank %d is \"%s\"", rank_,
              world_, rank, addresses[static_cast<size_t>(rank)].c_str());
  }

  void Prepare() override {
    if (Here("crash-prepare")) std::abort();
    doing_ = "preparing";
    if (directives_.contains("hang-prepare")) Hang("hang-prepare", "broadcast");
    if (Here("fail-prepare")) Throw(Status::kData, "weights.safetensors: cannot open");
    sink_->Emit(kEventLog, kInfo, 0, 0, "fake engine");
    for (const Param& param : BuildSsd300().params)
      sink_->Emit(kEventTensorInit, kInfo, 0, 0, param.name);
  }

  void Train(int64_t epoch, int64_t steps) override {
    for (int64_t i = 0; i < steps; ++i) {
      doing_ = "loading data";
      Pause();
      ++step_;
      if (Reached("hang-load")) Hang("hang-load", "all-reduce");
      doing_ = "computing a step";
      if (At("fail-train")) Throw(Status::kData, "train2017/1.jpg: truncated");
      if (At("crash-train")) std::abort();
      if (Reached("hang-train")) Hang("hang-train", "all-reduce");
      ++collectives_;
      if (step_ % config_.log_interval() == 0 || i + 1 == steps) {
        sink_->Emit(kEventLearningRate, kInfo, step_, 0.001 * static_cast<double>(epoch), "");
        sink_->Emit(kEventStep, kInfo, step_, 20.0 / static_cast<double>(step_), "");
      } else {
        sink_->Emit(kEventProgress, kInfo, step_, 0, "");
      }
    }
    Skip("train");
  }

  void Evaluate() override {
    CheckAborted();
    sink_->Emit(kEventEvalBegin, kInfo, step_, 0, "");
    if (Here("crash-infer")) std::abort();
    doing_ = "inferring";
    if (directives_.contains("hang-infer")) Hang("hang-infer", "gather");
    ++collectives_;
    Skip("val");
    if (Here("fail-eval"))
      sink_->Emit(kEventEvalFailed, kError, step_, 0, "instances_val2017.json: broken");
    else
      sink_->Emit(kEventEvalEnd, kInfo, step_, ap_, "");
    ap_ += 0.05;
  }

  void Save(const std::string& path) override {
    AtomicFile file(path);
    file.Write(std::to_string(step_));
    file.Commit();
  }
  void Inspect(const InspectRequest&) override { Throw(Status::kUnavailable, "fake: inspect"); }
  BenchReport Bench(const BenchRequest& request) override {
    BenchReport report;
    if (request.what() == BenchRequest::ALLREDUCE) {
      if (Here("crash-sum")) std::abort();
      doing_ = "summing";
      if (directives_.contains("hang-sum")) Hang("hang-sum", "all-reduce");
      *report.mutable_allreduce() = MakeUpTimes();
      return report;
    }
    report.set_images_per_second(42);
    report.add_step_ms(10);
    report.set_backend("fake");
    return report;
  }
  Whereabouts Where() const override { return {doing_.load(), collectives_, waiting_}; }
  void Abort() override {
    std::lock_guard lock(mutex_);
    aborted_ = true;
    changed_.notify_all();
  }

 private:
  bool Is(const std::string& directive, int rank) const {
    const auto value = directives_.find(directive);
    return value != directives_.end() && static_cast<int>(value->second) == rank;
  }
  AllreduceTimes MakeUpTimes() const {
    const auto set = [](double s, AllreduceTimes::Seconds& seconds) {
      seconds.set_median(s);
      seconds.set_min(s / 2);
      seconds.set_max(2 * s);
      seconds.set_mean(s);
    };
    constexpr double kSlow = 10;
    const bool any = directives_.contains("slow-rank") || directives_.contains("slow-link");
    AllreduceTimes times;
    set(any ? 4e-3 * kSlow : 4e-3, *times.mutable_sum());
    set(Is("slow-rank", rank_) ? 1e-3 * kSlow : 1e-3, *times.mutable_local());
    times.set_bus_bandwidth(1e9);
    times.set_wrong_values(Is("wrong-sum", rank_) ? 3 : 0);
    for (const int peer : std::set{(rank_ + 1) % world_, (rank_ + world_ - 1) % world_}) {
      if (peer == rank_) continue;
      const int first = (rank_ + 1) % world_ == peer ? rank_ : peer;
      const bool slow = Is("slow-rank", rank_) || Is("slow-rank", peer) || Is("slow-link", first);
      auto* link = times.add_links();
      link->set_peer(peer);
      set(slow ? 2e-3 * kSlow : 2e-3, *link->mutable_exchange());
    }
    return times;
  }
  void Skip(const char* split) {
    const auto skip = directives_.find("skip");
    if (skip != directives_.end()) sink_->Emit(kEventSkipped, kWarning, step_, skip->second, split);
  }
  std::string AddressOf(int rank) const {
    return "fake rank " + std::to_string(rank) + " of " + std::to_string(world_);
  }
  bool Here(const std::string& directive) const {
    const auto rank = directives_.find("rank");
    return directives_.contains(directive) &&
           (rank == directives_.end() || static_cast<int>(rank->second) == rank_);
  }
  bool Reached(const std::string& directive) const {
    return directives_.contains(directive) &&
           static_cast<int64_t>(directives_.at(directive)) == step_;
  }
  bool At(const std::string& directive) const { return Here(directive) && Reached(directive); }
  void Hang(const std::string& directive, const char* collective) {
    if (Here(directive)) WaitForAbort();
    if (!directives_.contains("others-wait")) return;
    doing_ = collective;
    ++collectives_;
    waiting_ = true;
    WaitForAbort();
  }
  // Lasts as long as a slow step, and no longer than Abort.
  void Pause() {
    const auto slow = directives_.find("slow");
    std::unique_lock lock(mutex_);
    if (slow != directives_.end())
      changed_.wait_for(lock, std::chrono::duration<double, std::milli>(slow->second),
                        [this] { return aborted_; });
    if (aborted_) Throw(Status::kAborted, "stopped");
  }
  void CheckAborted() {
    std::lock_guard lock(mutex_);
    if (aborted_) Throw(Status::kAborted, "stopped");
  }
  void WaitForAbort() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return aborted_; });
    Throw(Status::kAborted, "stopped");
  }

  const EngineConfig config_;
  EventSink* const sink_;
  std::map<std::string, double> directives_;
  double ap_;
  int rank_ = 0, world_ = 1;  // as told to Address
  int64_t step_ = 0;
  std::atomic<const char*> doing_{"starting"};
  std::atomic<int64_t> collectives_{0};
  std::atomic<bool> waiting_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool aborted_ = false;
};

}  // namespace

std::unique_ptr<Session> Session::Create(const EngineConfig& config, EventSink* sink) {
  if (config.model().batch_size() < 1) Throw(Status::kInvalid, "model.batch_size must be above 0");
  return std::make_unique<FakeSession>(config, sink);
}

ScoreReport ScoreDetections(const ScoreRequest&) {
  ScoreReport report;
  report.add_stats(0.5);
  return report;
}

VerifyReport VerifyData(const VerifyRequest& request) {
  for (const char* line : {"train 1 2\n", "no line of progress\n", "train 2 2\n", "val 1 1\n"}) {
    const int fd = request.progress_fd();
    if (fd != 0 && write(fd, line, strlen(line)) < 0) Throw(Status::kInternal, "progress_fd");
  }
  VerifyReport report;
  report.set_fatal(1);
  return report;
}

}  // namespace ssd
