// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/emulator/emulator.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <numeric>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/philox.h"

// All __shared__ variables of the program: see include/cuda_runtime.h.
extern "C" {
extern char __start_ssd_shared[] __attribute__((weak));
extern char __stop_ssd_shared[] __attribute__((weak));
}

namespace ssd::emulator {

Place here;

namespace {

constexpr uint32_t kWarp = 32, kMaxThreads = 1024;
constexpr size_t kStack = 64 << 10;

enum class State : uint8_t { kReady, kAtBarrier, kInWarp, kDone };

struct Thread {
  ucontext_t context;  // of a fiber that was not entered yet
  jmp_buf resume;
  bool entered = false;
  Index index;
  State state = State::kDone;
  int line = 0;                         // where it waits
  std::array<uint64_t, kWarp> inbox{};  // what they gave
};

// Lanes of a warp on their way through one operation.
struct Meeting {
  uint32_t mask, arrived = 0;
  int line;
  std::array<uint64_t, kWarp> value;
};

class Machine {
 public:
  Machine() : threads_(kMaxThreads) {
    stacks_ = static_cast<char*>(mmap(nullptr, kMaxThreads * kStack, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    SSD_CHECK(stacks_ != MAP_FAILED);
  }
  ~Machine() { munmap(stacks_, kMaxThreads * kStack); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void Run(const Index& grid, const Index& block, const std::function<void()>& body) {
    here.grid = grid;
    here.block_size = block;
    count_ = block.x * block.y * block.z;
    body_ = &body;
    const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
    std::vector<uint64_t> turns(blocks);
    std::iota(turns.begin(), turns.end(), uint64_t{0});
    if (order_.shuffled) Shuffle(turns);
    for (const uint64_t b : turns) {
      here.block = {static_cast<uint32_t>(b % grid.x), static_cast<uint32_t>(b / grid.x % grid.y),
                    static_cast<uint32_t>(b / grid.x / grid.y)};
      RunBlock();
    }
  }

  void WaitAtBarrier(int line) {
    Thread& self = *current_;
    self.line = line;
    self.state = State::kAtBarrier;
    if (done_ > 0) Throw(Status::kInvalid, "line %d: barrier after a thread has left", line);
    if (arrived_ > 0 && barrier_line_ != line) {
      Throw(Status::kInvalid, "lines %d and %d: threads of a block wait at different barriers",
            barrier_line_, line);
    }
    barrier_line_ = line;
    if (++arrived_ < count_) return Yield();
    arrived_ = 0;
    for (uint32_t t = 0; t < count_; ++t) threads_[t].state = State::kReady;
  }

  const std::array<uint64_t, kWarp>& ExchangeInWarp(uint32_t mask, uint64_t value, int line) {
    Thread& self = *current_;
    const uint32_t lane = Number() % kWarp, first = Number() - lane;
    Meeting& meeting = meetings_[first / kWarp];
    if (meeting.arrived == 0) {
      const uint32_t exist = count_ - first < kWarp ? (1u << (count_ - first)) - 1 : ~0u;
      if ((mask & ~exist) != 0)
        Throw(Status::kInvalid, "line %d: mask %08x names lanes that do not exist", line, mask);
      meeting = {mask, 0, line, {}};
    }
    if (meeting.mask != mask || meeting.line != line || (mask >> lane & 1) == 0) {
      Throw(Status::kInvalid,
            "line %d: lane %u joins with mask %08x those that wait at line %d with mask %08x", line,
            lane, mask, meeting.line, meeting.mask);
    }
    meeting.value[lane] = value;
    meeting.arrived |= 1u << lane;
    self.line = line;
    self.state = State::kInWarp;
    if (meeting.arrived != mask) {
      Yield();
      return self.inbox;
    }
    for (uint32_t other = 0; other < kWarp; ++other) {
      if ((mask >> other & 1) == 0) continue;
      threads_[first + other].inbox = meeting.value;
      threads_[first + other].state = State::kReady;
    }
    meeting.arrived = 0;
    return self.inbox;
  }

  uint32_t Number() const { return static_cast<uint32_t>(current_ - threads_.data()); }

  static Machine& Instance() {
    static Machine machine;
    return machine;
  }

  void SetOrder(const Order& order) { order_ = order; }

 private:
  static void Enter() { Instance().RunThreads(); }

  // The life of a fiber: the body once a block, then a rest until the next one.
  void RunThreads() {
    for (;;) {
      try {
        (*body_)();
      } catch (...) {
        failure_ = std::current_exception();
      }
      current_->state = State::kDone;
      ++done_;
      Yield();
    }
  }

  void Yield() {
    if (_setjmp(current_->resume) == 0) _longjmp(scheduler_, 1);
  }

  void RunBlock() {
    PoisonShared();
    done_ = arrived_ = 0;
    for (Meeting& meeting : meetings_) meeting.arrived = 0;
    for (uint32_t t = 0; t < count_; ++t) {
      Thread& thread = threads_[t];
      const Index& size = here.block_size;
      thread.index = {t % size.x, t / size.x % size.y, t / size.x / size.y};
      thread.state = State::kReady;
      if (t >= started_) Start(thread, t);
    }
    started_ = std::max(started_, count_);
    std::vector<uint32_t> turns(count_);
    std::iota(turns.begin(), turns.end(), 0u);
    bool moved = true;
    while (moved) {
      moved = false;
      if (order_.shuffled) Shuffle(turns);
      for (const uint32_t t : turns) {
        if (threads_[t].state != State::kReady) continue;
        moved = true;
        current_ = &threads_[t];
        here.thread = current_->index;
        Resume(*current_);
        if (failure_) Abandon();
      }
    }
    if (done_ == count_) return;
    started_ = 0;
    uint32_t t = 0;
    while (threads_[t].state == State::kDone) ++t;
    Throw(Status::kInvalid, "line %d: thread %u waits forever for others", threads_[t].line, t);
  }

  // A context gives a fiber its stack; from then on jumps, which need no system call.
  void Start(Thread& thread, uint32_t t) {
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = stacks_ + t * kStack;
    thread.context.uc_stack.ss_size = kStack;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, &Machine::Enter, 0);
    thread.entered = false;
  }
  __attribute__((noinline)) void Resume(Thread& thread) {
    if (_setjmp(scheduler_) != 0) return;
    if (thread.entered) _longjmp(thread.resume, 1);
    thread.entered = true;
    setcontext(&thread.context);
  }

  // Kernels own nothing: their frames may be forgotten.
  [[noreturn]] void Abandon() {
    started_ = 0;
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  // Other garbage in the other order: whoever reads it gives two results.
  void PoisonShared() const {
    if (__start_ssd_shared == nullptr) return;
    std::memset(__start_ssd_shared, order_.shuffled ? 0x5a : 0xff,
                static_cast<size_t>(__stop_ssd_shared - __start_ssd_shared));
  }

  template <class T>
  void Shuffle(std::vector<T>& turns) {
    Philox random(order_.seed, Purpose::kShuffle, 0, shuffles_++);
    for (size_t i = turns.size(); i > 1; --i)
      std::swap(turns[i - 1], turns[random.Below(static_cast<uint32_t>(i))]);
  }

  std::vector<Thread> threads_;
  std::array<Meeting, kMaxThreads / kWarp> meetings_{};
  char* stacks_;
  Order order_;
  Thread* current_ = nullptr;
  jmp_buf scheduler_;
  uint32_t count_ = 0;    // threads of a block
  uint32_t started_ = 0;  // fibers that rest in RunThreads
  uint32_t done_ = 0, arrived_ = 0;
  int barrier_line_ = 0;
  uint64_t shuffles_ = 0;
  const std::function<void()>* body_ = nullptr;
  std::exception_ptr failure_;
};

}  // namespace

void SetOrder(const Order& order) { Machine::Instance().SetOrder(order); }

bool Fits(const Index& grid, const Index& block) {
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  return threads >= 1 && threads <= kMaxThreads && block.z <= 64 && grid.x >= 1 &&
         grid.x <= 0x7fffffffu && grid.y >= 1 && grid.y <= 65535 && grid.z >= 1 && grid.z <= 65535;
}

void Run(const Index& grid, const Index& block, const std::function<void()>& body) {
  if (!Fits(grid, block)) {
    Throw(Status::kInvalid, "no GPU takes a grid of %ux%ux%u blocks of %ux%ux%u threads", grid.x,
          grid.y, grid.z, block.x, block.y, block.z);
  }
  Machine::Instance().Run(grid, block, body);
}

void Barrier(int line) { Machine::Instance().WaitAtBarrier(line); }
const std::array<uint64_t, 32>& Exchange(uint32_t mask, uint64_t value, int line) {
  return Machine::Instance().ExchangeInWarp(mask, value, line);
}
uint32_t Lane() { return Machine::Instance().Number() % kWarp; }

}  // namespace ssd::emulator
