// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/bench_allreduce.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "core/error.h"
#include "train/bench_clock.h"

namespace ssd {

namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 32, kMaxIterations = 1'000'000;
constexpr std::chrono::milliseconds kAdditions{200};  // many of a scheduler's turns

void Check(const char* name, int64_t value, int64_t min, int64_t max) {
  if (value < min || value > max)
    Throw(Status::kInvalid, "bench: allreduce: %s is %lld, must be %lld to %lld", name,
          static_cast<long long>(value), static_cast<long long>(min), static_cast<long long>(max));
}

// Values whose sums are exact, others in each iteration.
float Value(int64_t iteration, size_t i, int rank) {
  const uint32_t pattern = (static_cast<uint32_t>(i) + static_cast<uint32_t>(iteration)) % 251;
  return static_cast<float>(static_cast<int>(pattern) + rank);
}

float SumOf(int64_t iteration, size_t i, int world) {
  return static_cast<float>(world) * Value(iteration, i, 0) +
         static_cast<float>(world) * static_cast<float>(world - 1) / 2;
}

// Pairs of neighbours in a ring, so that each rank has one partner in a phase.
int PhasesOf(int world) { return world < 3 ? world - 1 : 2 + world % 2; }

int PartnerOf(int rank, int world, int phase) {
  if (phase == 2) return rank == 0 ? world - 1 : rank == world - 1 ? 0 : rank;
  const bool even_ring = world % 2 == 0;
  const int partner = rank % 2 == phase ? rank + 1 : rank - 1;
  if (partner >= 0 && partner < world) return partner;
  return even_ring ? (partner + world) % world : rank;
}

AllreduceTimes::Seconds SpreadOf(std::vector<double> seconds) {
  std::ranges::sort(seconds);
  AllreduceTimes::Seconds spread;
  spread.set_median(seconds[seconds.size() / 2]);
  spread.set_min(seconds.front());
  spread.set_max(seconds.back());
  const double all = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  spread.set_mean(all / static_cast<double>(seconds.size()));
  return spread;
}

double SecondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class AllreduceBench {
 public:
  AllreduceBench(const Allreduce& request, Communicator& ranks, const std::atomic<bool>& aborted)
      : request_(request),
        ranks_(ranks),
        aborted_(aborted),
        values_(static_cast<size_t>(request.bytes()) / sizeof(float)),
        others_(values_.size()) {}

  AllreduceTimes Run() {
    AllreduceTimes times;
    *times.mutable_sum() = TimeSums();
    times.set_wrong_values(wrong_);
    const double world = ranks_.world(), bytes = static_cast<double>(request_.bytes());
    times.set_bus_bandwidth(2 * (world - 1) / world * bytes / times.sum().median());
    *times.mutable_local() = TimeAdditions();
    TimeLinks(times);
    return times;
  }

 private:
  // f(iteration), of which those below 0 are not counted.
  void Repeat(const std::function<void(int64_t)>& f) const {
    for (int64_t i = -request_.warmup(); i < request_.iterations(); ++i) {
      CheckAborted(aborted_);
      f(i);
    }
  }

  void Await() {
    double everybody = 1;
    ranks_.Sum(std::span(&everybody, 1));
  }

  AllreduceTimes::Seconds TimeSums() {
    std::vector<double> seconds;
    Repeat([&](int64_t i) {
      for (size_t k = 0; k < values_.size(); ++k) values_[k] = Value(i, k, ranks_.rank());
      Await();
      const double time = SecondsOf([&] { ranks_.Sum(std::span(values_)); });
      if (i >= 0) seconds.push_back(time);
      for (size_t k = 0; k < values_.size(); ++k)
        wrong_ += values_[k] != SumOf(i, k, ranks_.world());
    });
    return SpreadOf(std::move(seconds));
  }

  // On all ranks at once: those of a host share its memory, as in a sum. Without a pause, as a rank
  // that has just waited is let run before what else its processor has to do.
  AllreduceTimes::Seconds TimeAdditions() {
    std::vector<double> seconds;
    Await();
    const auto end = std::chrono::steady_clock::now() + kAdditions;
    do {
      CheckAborted(aborted_);
      seconds.push_back(SecondsOf([&] {
        for (size_t k = 0; k < values_.size(); ++k) values_[k] += others_[k];
      }));
    } while (std::chrono::steady_clock::now() < end);
    return SpreadOf(std::move(seconds));
  }

  // Each link in turn, so that what else a host does comes upon all of them.
  void TimeLinks(AllreduceTimes& times) {
    const int phases = PhasesOf(ranks_.world());
    std::vector<std::vector<double>> seconds(static_cast<size_t>(phases));
    const auto part = std::max<size_t>(1, values_.size() / static_cast<size_t>(ranks_.world()));
    const auto swap = [&](int phase, size_t n) {
      ranks_.Exchange(PartnerOf(ranks_.rank(), ranks_.world(), phase),
                      std::as_bytes(std::span(values_).first(n)),
                      std::as_writable_bytes(std::span(others_).first(n)));
    };
    Repeat([&](int64_t i) {
      for (int phase = 0; phase < phases; ++phase) {
        swap(phase, 1);  // both are here
        const double time = SecondsOf([&] { swap(phase, part); });
        if (i >= 0) seconds[static_cast<size_t>(phase)].push_back(time);
      }
    });
    for (int phase = 0; phase < phases; ++phase) {
      const int peer = PartnerOf(ranks_.rank(), ranks_.world(), phase);
      if (peer == ranks_.rank()) continue;
      auto* link = times.add_links();
      link->set_peer(peer);
      *link->mutable_exchange() = SpreadOf(std::move(seconds[static_cast<size_t>(phase)]));
    }
  }

  const Allreduce& request_;
  Communicator& ranks_;
  const std::atomic<bool>& aborted_;
  std::vector<float> values_, others_;
  int64_t wrong_ = 0;
};

}  // namespace

BenchReport BenchAllreduce(const Allreduce& request, Communicator& ranks,
                           const std::atomic<bool>& aborted) {
  Check("bytes", request.bytes(), sizeof(float), kMaxBytes);
  if (request.bytes() % sizeof(float) != 0)
    Throw(Status::kInvalid, "bench: allreduce: bytes is %lld, must be a multiple of 4",
          static_cast<long long>(request.bytes()));
  Check("iterations", request.iterations(), 1, kMaxIterations);
  Check("warmup", request.warmup(), 0, kMaxIterations);
  BenchReport report;
  *report.mutable_allreduce() = AllreduceBench(request, ranks, aborted).Run();
  return report;
}

}  // namespace ssd
