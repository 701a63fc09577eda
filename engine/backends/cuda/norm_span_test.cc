// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// A BatchNorm over two ranks against the plain one over the images of both, on the emulator.
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <deque>

#include "backends/cuda/cuda_backend.h"
#include "core/philox.h"
#include "testing/distance.h"
#include "testing/emulator/device_vector.h"
#include "testing/emulator/memory.h"
#include "testing/emulator/stream.h"
#include "testing/reference.h"

namespace ssd {
namespace {

using testing::Tensor;

constexpr float kEps = 1e-5f, kMomentum = 0.9f;
constexpr int64_t kBatch = 2, kChannels = 40, kSize = 9;  // of a rank
constexpr int kRanks = 2;

struct Call {
  std::vector<double> values[kRanks];
  emulator::Event ready[kRanks] = {{1}, {1}};  // a record that may be yet to come
};

// The sums of two ranks that each enqueue all their work before any of it runs.
class Meeting {
 public:
  void Sum(int rank, std::span<double> values, emulator::Stream* stream) {
    const size_t call = first_ + calls_[rank]++;
    if (call == all_.size()) all_.emplace_back();
    Call& c = all_[call];
    emulator::Enqueue(stream, [=, &c] {
      const emulator::Opened opened;
      c.values[rank].assign(values.begin(), values.end());
    });
    emulator::RecordEvent(&c.ready[rank], stream);
    emulator::AwaitEvent(stream, &c.ready[1 - rank]);
    emulator::Enqueue(stream, [=, &c] {
      const emulator::Opened opened;
      for (size_t i = 0; i < values.size(); ++i) values[i] = c.values[0][i] + c.values[1][i];
    });
  }
  size_t calls(int rank) const { return calls_[rank]; }

 private:
  // Kept for good: the emulator knows an event by its address.
  inline static std::deque<Call> all_;
  const size_t first_ = all_.size();
  std::array<size_t, kRanks> calls_{};
};

class Span final : public NormSpan {
 public:
  Span(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}
  int64_t ranks() const override { return kRanks; }
  void Sum(std::span<double> values, void* stream) override {
    meeting_.Sum(rank_, values, static_cast<emulator::Stream*>(stream));
  }

 private:
  Meeting& meeting_;
  const int rank_;
};

// As f16 holds them. The second half, which is the second rank's, lies higher and wider.
Tensor Random(uint64_t id, double mean, double deviation) {
  Tensor t(kRanks * kBatch, kChannels, kSize, kSize);
  Philox random(5, Purpose::kSynthetic, 0, id);
  for (size_t i = 0; i < t.v.size(); ++i) {
    const double width = i < t.v.size() / 2 ? 1 : 3, shift = i < t.v.size() / 2 ? 0 : 2;
    const double v = mean + deviation * (shift + width * random.Uniform(-1, 1));
    t.v[i] = static_cast<double>(__half2float(__float2half_rn(static_cast<float>(v))));
  }
  return t;
}
std::vector<double> Vector(uint64_t id) {
  const Tensor t = Random(id, 1, 0.5);
  return {t.v.begin(), t.v.begin() + kChannels};
}

std::vector<double> Part(const Tensor& all, int rank) {
  const auto size = static_cast<ptrdiff_t>(all.v.size()) / kRanks;
  return {all.v.begin() + rank * size, all.v.begin() + (rank + 1) * size};
}

struct Input {
  Tensor x, shortcut, dy;
  std::vector<double> gamma, beta;
};

// relu(norm(x) + shortcut) on one rank.
class Rank {
 public:
  Rank(Meeting& meeting, int rank, const Input& input) : span_(meeting, rank) {
    args_.x = Put(Part(input.x, rank));
    args_.residual = Put(Part(input.shortcut, rank));
    args_.y = Put({});
    args_.dy = {Put(Part(input.dy, rank))};
    args_.dx = Put({});
    args_.dresidual = Put({});
    args_.gamma = PutFloats(input.gamma);
    args_.beta = PutFloats(input.beta);
    args_.running_mean = PutFloats(std::vector<double>(kChannels, 0));
    args_.running_var = PutFloats(std::vector<double>(kChannels, 1));
    args_.dgamma = PutFloats({});
    args_.dbeta = PutFloats({});
    args_.saved = Blank(op_->needs().saved);
    args_.scratch = Blank(op_->needs().scratch);
    op_->Bind(args_);
  }
  void Run() {
    op_->Forward();
    op_->Backward();
  }

  Backend& backend() { return *backend_; }
  const OpArgs& args() const { return args_; }
  std::vector<double> Get(const void* data) {
    std::vector<float> values(kBatch * kChannels * kSize * kSize);
    backend_->Export(kDesc, data, values);
    return {values.begin(), values.end()};
  }
  std::vector<double> GetFloats(const float* data) {
    std::vector<float> values(kChannels);
    backend_->Download(std::as_writable_bytes(std::span(values)), data);
    backend_->Synchronize();
    return {values.begin(), values.end()};
  }

 private:
  static constexpr ValueDesc kDesc{kBatch, kChannels, kSize, kSize};

  void* Blank(size_t bytes) {
    memory_.push_back(backend_->Allocate(bytes));
    return memory_.back()->data();
  }
  void* Put(const std::vector<double>& nchw) {
    void* data = Blank(backend_->Bytes(kDesc));
    if (!nchw.empty()) backend_->Import(kDesc, std::vector<float>(nchw.begin(), nchw.end()), data);
    return data;
  }
  float* PutFloats(const std::vector<double>& v) {
    void* data = Blank(kChannels * sizeof(float));
    const std::vector<float> values(v.begin(), v.end());
    backend_->Upload(data, std::as_bytes(std::span(values)));
    backend_->Synchronize();
    return static_cast<float*>(data);
  }

  Span span_;
  const std::unique_ptr<Backend> backend_ = MakeCudaBackend({.norm_span = &span_});
  const std::unique_ptr<Op> op_ = backend_->MakeBatchNorm(
      {.x = kDesc, .eps = kEps, .momentum = kMomentum, .relu = true, .residual = true});
  std::vector<std::unique_ptr<DeviceMemory>> memory_;
  OpArgs args_;
};

// Values of f16 are rounded by up to 2^-11; what is f32 by far less.
constexpr double kValueError = 5e-4, kSumError = 2e-6, kGradientError = 1e-5;

void Check(const Input& input) {
  const auto statistics = testing::StatisticsOf(input.x);
  const Tensor y =
      Normalise(input.x, statistics, input.gamma, input.beta, double{kEps}) + input.shortcut;
  const Tensor dy = testing::ReluGradient(input.dy, y);
  const auto gradients = NormaliseBackward(input.x, input.gamma, dy, double{kEps});
  const auto running =
      testing::UpdateRunning({std::vector<double>(kChannels, 0), std::vector<double>(kChannels, 1)},
                             statistics, double{kMomentum}, kRanks * kBatch * kSize * kSize);

  Meeting meeting;
  Rank ranks[kRanks] = {{meeting, 0, input}, {meeting, 1, input}};
  for (Rank& rank : ranks) {
    EXPECT_FALSE(rank.backend().fuses());
    rank.Run();
  }
  std::vector<double> dgamma(kChannels), dbeta(kChannels);
  for (int i = 0; i < kRanks; ++i) {
    SCOPED_TRACE(::testing::Message() << "rank " << i);
    Rank& rank = ranks[i];
    const OpArgs& args = rank.args();
    EXPECT_LT(Distance(rank.Get(args.y), Part(testing::Relu(y), i)), kValueError);
    EXPECT_LT(Distance(rank.Get(args.dx), Part(gradients.dx, i)), 2 * kValueError);
    EXPECT_LT(Distance(rank.Get(args.dresidual), Part(dy, i)), kValueError);
    EXPECT_LT(Distance(rank.GetFloats(args.running_mean), running.mean), kSumError);
    EXPECT_LT(Distance(rank.GetFloats(args.running_var), running.variance), kSumError);
    const auto my_dgamma = rank.GetFloats(args.dgamma), my_dbeta = rank.GetFloats(args.dbeta);
    for (size_t c = 0; c < kChannels; ++c) {
      dgamma[c] += my_dgamma[c];
      dbeta[c] += my_dbeta[c];
    }
    EXPECT_EQ(meeting.calls(i), 2u);
  }
  EXPECT_LT(Distance(dgamma, gradients.dgamma), kGradientError);
  EXPECT_LT(Distance(dbeta, gradients.dbeta), kGradientError);
}

// The second: a mean 50 deviations from zero.
TEST(CudaNormSpan, EqualsOneRankWithAllImages) {
  for (const auto& order : testing::kOrders) {
    for (const bool newest : {false, true}) {
      emulator::SetOrder(order);
      emulator::PreferNewest(newest);
      for (const auto& [mean, deviation] : {std::pair{0.3, 1.0}, {100.0, 2.0}}) {
        SCOPED_TRACE(::testing::Message() << "mean " << mean << ", newest " << newest);
        Check(
            {Random(1, mean, deviation), Random(2, 0, 1), Random(3, 0.2, 1), Vector(4), Vector(5)});
      }
    }
  }
  emulator::PreferNewest(false);
}

}  // namespace
}  // namespace ssd
