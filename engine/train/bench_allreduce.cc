// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/bench_allreduce.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <vector>

#include "core/error.h"

namespace ssd {

namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 32, kMaxIterations = 1'000'000;

void Check(const char* name, int64_t value, int64_t min, int64_t max) {
  if (value < min || value > max)
    Throw(Status::kInvalid, "bench: allreduce: %s is %lld, must be %lld to %lld", name,
          static_cast<long long>(value), static_cast<long long>(min), static_cast<long long>(max));
}

// Values whose sums are exact, another in each iteration.
float Value(int64_t iteration, size_t i, int rank) {
  return static_cast<float>((i + static_cast<size_t>(iteration)) % 251) + static_cast<float>(rank);
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
  return spread;
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
    for (int phase = 0; phase < PhasesOf(ranks_.world()); ++phase) TimeLink(phase, times);
    return times;
  }

 private:
  // Of work(iteration); before(iteration) is not counted.
  AllreduceTimes::Seconds Time(const std::function<void(int64_t)>& before,
                               const std::function<void(int64_t)>& work) {
    std::vector<double> seconds;
    for (int64_t i = -request_.warmup(); i < request_.iterations(); ++i) {
      if (aborted_) Throw(Status::kAborted, "the benchmark was stopped");
      before(i);
      const auto start = std::chrono::steady_clock::now();
      work(i);
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
      if (i >= 0) seconds.push_back(time.count());
    }
    return SpreadOf(std::move(seconds));
  }

  void Await() {
    double everybody = 1;
    ranks_.Sum(std::span(&everybody, 1));
  }

  AllreduceTimes::Seconds TimeSums() {
    const auto count = [this](int64_t i) {
      for (size_t k = 0; k < values_.size(); ++k)
        wrong_ += values_[k] != SumOf(i, k, ranks_.world());
    };
    bool summed = false;
    const auto seconds = Time(
        [&](int64_t i) {
          if (summed) count(i - 1);
          summed = true;
          for (size_t k = 0; k < values_.size(); ++k) values_[k] = Value(i, k, ranks_.rank());
          Await();
        },
        [&](int64_t) { ranks_.Sum(std::span(values_)); });
    count(request_.iterations() - 1);
    return seconds;
  }

  // On all ranks at once: those of a host share its memory, as in a sum.
  AllreduceTimes::Seconds TimeAdditions() {
    return Time([this](int64_t) { Await(); },
                [this](int64_t) {
                  for (size_t k = 0; k < values_.size(); ++k) values_[k] += others_[k];
                });
  }

  void TimeLink(int phase, AllreduceTimes& times) {
    const int peer = PartnerOf(ranks_.rank(), ranks_.world(), phase);
    const auto part = std::max<size_t>(1, values_.size() / static_cast<size_t>(ranks_.world()));
    const auto swap = [&](size_t n) {
      ranks_.Exchange(peer, std::as_bytes(std::span(values_).first(n)),
                      std::as_writable_bytes(std::span(others_).first(n)));
    };
    const auto seconds = Time([&](int64_t) { swap(1); }, [&](int64_t) { swap(part); });
    if (peer == ranks_.rank()) return;
    auto* link = times.add_links();
    link->set_peer(peer);
    *link->mutable_exchange() = seconds;
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
