// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine.pb.h"

namespace ssd {

// The SSD_EVENT_* kinds and levels of abi/ssd_engine.h, which says what each carries.
enum EventKind : uint32_t {
  kEventLog = 1,
  kEventTensorInit,
  kEventStep,
  kEventEvalBegin,
  kEventEvalEnd,
  kEventDropped,
  kEventLearningRate,
  kEventEvalFailed,
  kEventProgress,
  kEventWhere,
  kEventSkipped,
};
enum LogLevel : uint32_t { kDebug, kInfo, kWarning, kError };

// What a rank is doing.
struct Whereabouts {
  std::string_view doing;
  int64_t collectives = 0;  // begun
  bool waiting = false;     // in the last of them, for other ranks
  bool operator==(const Whereabouts&) const = default;
};

// Where a session reports to. Thread-safe.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Emit(uint32_t kind, uint32_t level, int64_t step, double value,
                    std::string_view text) = 0;
};

// The engine behind the C line: one method a function of abi/ssd_engine.h, which says what each
// does. All calls but Abort come from one thread; failures are thrown as ssd::Error.
class Session {
 public:
  // Checks the configuration; opens no file. The sink must outlive the session.
  static std::unique_ptr<Session> Create(const EngineConfig& config, EventSink* sink);
  virtual ~Session() = default;

  virtual std::string Address(int rank, int world) = 0;
  virtual void Connect(const std::vector<std::string>& addresses) = 0;
  virtual void Prepare() = 0;
  virtual void Train(int64_t epoch, int64_t steps) = 0;
  virtual void Evaluate() = 0;
  virtual void Save(const std::string& path) = 0;
  virtual void Inspect(const InspectRequest& request) = 0;
  virtual BenchReport Bench(const BenchRequest& request) = 0;
  virtual void Abort() = 0;               // any thread
  virtual Whereabouts Where() const = 0;  // any thread
};

}  // namespace ssd
