// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "eval/coco_map.h"

namespace ssd {

// Scores evaluations beside training, on a thread of its own that uses more for the work. The
// ground truth is read once, by that thread, when the first evaluation comes.
class Scorer {
 public:
  struct Result {
    int64_t tag = 0;    // as submitted
    double ap = 0;      // score.stats[0]
    CocoScore score;    // empty on an error
    std::string error;  // empty = scored
  };
  using Callback = std::function<void(const Result&)>;

  // on_result runs on the scorer's thread, in the order of submission; it must not throw and not
  // call the scorer. threads: of the scoring, 0 = all.
  Scorer(std::string annotations, int threads, Callback on_result);
  // Drops what is still waiting; ends after the evaluation being scored.
  ~Scorer();
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  // Returns at once. Thread-safe.
  void Submit(int64_t tag, std::vector<CocoDetection> detections);
  // Returns when every evaluation submitted before has been reported.
  void Wait();

 private:
  struct Job {
    int64_t tag;
    std::vector<CocoDetection> detections;
  };
  void Run();
  Result Score(const Job& job);

  const std::string annotations_;
  const int threads_;
  const Callback on_result_;
  std::optional<CocoTruth> truth_;  // of the thread

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace ssd
