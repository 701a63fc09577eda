// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace ssd {

// Threads that fill batches ahead of one consumer, in a ring of `prefetch` + 1 slots (one of them
// with the consumer). The work is handed out item by item in batch order, so all threads work on
// the oldest batch that is not full.
class BatchRing {
 public:
  // What fills a slot. batch counts from 0; its slot is batch % slots().
  class Filler {
   public:
    virtual ~Filler() = default;
    // Decides what a batch holds; called in batch order, never at the same time. An exception ends
    // the stream.
    virtual void Open(int64_t batch) = 0;
    // Fills one item; called from any thread, for different items at the same time. worker:
    // 0 .. threads - 1.
    virtual void Fill(int worker, int64_t batch, int64_t item) = 0;
  };
  struct Options {
    int threads = 1;
    int prefetch = 2;
    int64_t items = 1;     // a batch
    int64_t batches = -1;  // -1: without end
  };
  static int SlotsOf(const Options& options) { return options.prefetch + 1; }

  // The filler must be ready now and outlive the ring.
  BatchRing(Filler& filler, const Options& options);
  ~BatchRing();  // waits for the items being filled
  BatchRing(const BatchRing&) = delete;
  BatchRing& operator=(const BatchRing&) = delete;

  // Gives the last batch back and waits for the next: its number, or -1 at the end. Rethrows the
  // exception of the lowest item of that batch that had one; the batch then counts as taken. One
  // thread at a time. Throws Status::kAborted after Abort.
  int64_t Next();
  bool Ready();  // whether Next would give a batch at once
  void Abort();  // any thread

 private:
  struct Slot {
    int64_t missing = 0;  // items not filled yet
    int64_t error_item = -1;
    std::exception_ptr error;
  };
  struct Task {
    int64_t batch, item;
  };

  void Start();
  void Stop();
  void Work(int worker);
  bool CanStart() const;
  Task TakeTask();
  bool IsReady();
  void Finish(const Task& task, std::exception_ptr error);
  Slot& SlotOf(int64_t batch) { return slots_[static_cast<size_t>(batch) % slots_.size()]; }

  Filler& filler_;
  const Options options_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::vector<Slot> slots_;
  int64_t next_batch_ = 0, next_item_ = 0;  // the next task
  int64_t taken_ = 0;                       // batches handed to the consumer
  bool holding_ = false;                    // the consumer has batch taken_ - 1
  bool aborted_ = false, stopping_ = false;
  std::exception_ptr broken_;  // Open failed: no more work
  std::vector<std::thread> threads_;
};

}  // namespace ssd
