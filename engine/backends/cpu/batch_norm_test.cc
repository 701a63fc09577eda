// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// A BatchNorm over several ranks against the plain one over all their images: ranks are threads.
#include "backends/cpu/batch_norm.h"

#include <gtest/gtest.h>

#include <barrier>
#include <thread>

#include "backends/cpu/cpu_backend.h"
#include "core/philox.h"
#include "testing/distance.h"
#include "testing/reference.h"

namespace ssd {
namespace {

using testing::Tensor;

constexpr float kEps = 1e-5f, kMomentum = 0.9f;
constexpr int64_t kBatch = 2, kChannels = 32, kSize = 7;  // of a rank

// Sums of threads that meet.
class Meeting {
 public:
  explicit Meeting(int ranks) : values_(static_cast<size_t>(ranks)), barrier_(ranks) {}

  void Sum(int rank, std::span<double> values) {
    values_[static_cast<size_t>(rank)].assign(values.begin(), values.end());
    barrier_.arrive_and_wait();
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = 0;
      for (const auto& of_rank : values_) values[i] += of_rank[i];
    }
    barrier_.arrive_and_wait();
  }

 private:
  std::vector<std::vector<double>> values_;
  std::barrier<> barrier_;
};

class Span : public NormSpan {
 public:
  Span(Meeting& meeting, int rank, int ranks) : meeting_(meeting), rank_(rank), ranks_(ranks) {}
  int64_t ranks() const override { return ranks_; }
  void Sum(std::span<double> values, void*) override { meeting_.Sum(rank_, values); }

 private:
  Meeting& meeting_;
  int rank_, ranks_;
};

Tensor Random(int64_t n, uint64_t id, double mean, double deviation) {
  Tensor t(n, kChannels, kSize, kSize);
  Philox random(5, Purpose::kSynthetic, 0, id);
  for (double& v : t.v)  // as f32 holds it
    v = static_cast<double>(static_cast<float>(mean + deviation * random.Uniform(-1, 1)));
  return t;
}

std::vector<double> Vector(uint64_t id) {
  const Tensor t = Random(1, id, 1, 0.5);
  return {t.v.begin(), t.v.begin() + kChannels};
}

std::vector<float> Part(const std::vector<double>& all, int rank, int ranks) {
  const auto size = static_cast<ptrdiff_t>(all.size()) / ranks;
  return {all.begin() + rank * size, all.begin() + (rank + 1) * size};
}

// What one rank computes.
struct Result {
  std::vector<float> y, dx, dgamma, dbeta, mean, variance;
};

Result RunRank(Backend& backend, std::span<const float> x, std::span<const float> dy,
               const std::vector<double>& gamma, const std::vector<double>& beta) {
  const ValueDesc desc = {kBatch, kChannels, kSize, kSize};
  const auto op = backend.MakeBatchNorm({.x = desc, .eps = kEps, .momentum = kMomentum});
  std::vector<std::unique_ptr<DeviceMemory>> memory;
  const auto allocate = [&](size_t bytes) {
    memory.push_back(backend.Allocate(bytes));
    return memory.back()->data();
  };
  const auto floats = [&](std::span<const double> values) {
    auto* data = static_cast<float*>(allocate(kChannels * sizeof(float)));
    std::copy(values.begin(), values.end(), data);
    return data;
  };
  OpArgs args;
  void* in = allocate(backend.Bytes(desc));
  backend.Import(desc, x, in);
  void* gradient = allocate(backend.Bytes(desc));
  backend.Import(desc, dy, gradient);
  args.x = in;
  args.y = allocate(backend.Bytes(desc));
  args.dy = {gradient};
  args.dx = allocate(backend.Bytes(desc));
  args.gamma = floats(gamma);
  args.beta = floats(beta);
  args.running_mean = floats(std::vector<double>(kChannels, 0));
  args.running_var = floats(std::vector<double>(kChannels, 1));
  args.dgamma = floats({});
  args.dbeta = floats({});
  args.saved = allocate(op->needs().saved);
  args.scratch = allocate(op->needs().scratch);
  op->Bind(args);
  op->Forward();
  op->Backward();
  Result result;
  const auto export_to = [&](const void* data, std::vector<float>& out) {
    out.resize(x.size());
    backend.Export(desc, data, out);
  };
  export_to(args.y, result.y);
  export_to(args.dx, result.dx);
  const auto vector = [](const float* data) { return std::vector<float>(data, data + kChannels); };
  result.dgamma = vector(args.dgamma);
  result.dbeta = vector(args.dbeta);
  result.mean = vector(args.running_mean);
  result.variance = vector(args.running_var);
  return result;
}

struct Case {
  double mean, deviation, tolerance;
};
class SpanningBatchNorm : public ::testing::TestWithParam<Case> {};

TEST_P(SpanningBatchNorm, EqualsOneRankWithAllImages) {
  const auto [mean, deviation, tolerance] = GetParam();
  for (const int ranks : {1, 2, 4}) {
    const Tensor x = Random(kBatch * ranks, 1, mean, deviation);
    const Tensor dy = Random(kBatch * ranks, 2, 0.2, 1);
    const auto gamma = Vector(3), beta = Vector(4);
    const auto statistics = testing::StatisticsOf(x);
    const Tensor y = testing::Normalise(x, statistics, gamma, beta, double{kEps});
    const auto gradients = testing::NormaliseBackward(x, gamma, dy, double{kEps});
    const auto running = testing::UpdateRunning(
        {std::vector<double>(kChannels, 0), std::vector<double>(kChannels, 1)}, statistics,
        double{kMomentum}, x.n * kSize * kSize);

    Meeting meeting(ranks);
    std::vector<Result> results(static_cast<size_t>(ranks));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        Span span(meeting, rank, ranks);
        const auto backend = OpenCpuBackend(Precision::kF32, 2, &span);
        results[static_cast<size_t>(rank)] =
            RunRank(*backend, Part(x.v, rank, ranks), Part(dy.v, rank, ranks), gamma, beta);
      });
    for (std::thread& thread : threads) thread.join();

    std::vector<float> dgamma(kChannels), dbeta(kChannels);
    for (int rank = 0; rank < ranks; ++rank) {
      SCOPED_TRACE(::testing::Message() << "rank " << rank << " of " << ranks);
      const Result& r = results[static_cast<size_t>(rank)];
      EXPECT_LT(Distance(r.y, Part(y.v, rank, ranks)), tolerance);
      EXPECT_LT(Distance(r.dx, Part(gradients.dx.v, rank, ranks)), tolerance);
      EXPECT_LT(Distance(r.mean, Part(running.mean, 0, 1)), 1e-6);
      EXPECT_LT(Distance(r.variance, Part(running.variance, 0, 1)), 1e-6);
      for (size_t c = 0; c < kChannels; ++c) {
        dgamma[c] += r.dgamma[c];
        dbeta[c] += r.dbeta[c];
      }
    }
    EXPECT_LT(Distance(dgamma, Part(gradients.dgamma, 0, 1)), tolerance);
    EXPECT_LT(Distance(dbeta, Part(gradients.dbeta, 0, 1)), tolerance);
  }
}

// The second: a mean 170 deviations from zero. Sums of squares in f32 would be 2e-3 off; the mean
// as saved for Backward, in f32, 1e-5 of a deviation.
INSTANTIATE_TEST_SUITE_P(Cpu, SpanningBatchNorm,
                         ::testing::Values(Case{0.3, 1, 2e-6}, Case{10, 0.1, 5e-5}));

}  // namespace
}  // namespace ssd
