// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// ranks_bench IMAGES STEPS ROUNDS [f32|bf16]: training on made-up images, in turn one rank of two
// threads and two ranks (processes) of one thread with half of the IMAGES each, without and with a
// BatchNorm that spans both; then the sum of 80 MB over two ranks alone. Images/s of all ranks.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "comm/communicator.h"
#include "core/error.h"
#include "train/session.h"

namespace ssd {
namespace {

using Clock = std::chrono::steady_clock;

class Quiet : public EventSink {
 public:
  void Emit(uint32_t, uint32_t, int64_t, double, std::string_view) override {}
};

// A pipe to the process of the other rank.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  std::vector<std::string> Exchange(int rank, const std::string& mine) const {
    const uint64_t size = mine.size();
    if (write(fd_, &size, sizeof size) < 0 || write(fd_, mine.data(), size) < 0) std::abort();
    uint64_t theirs_size = 0;
    Read(&theirs_size, sizeof theirs_size);
    std::string theirs(theirs_size, '\0');
    Read(theirs.data(), theirs_size);
    return rank == 0 ? std::vector{mine, theirs} : std::vector{theirs, mine};
  }

 private:
  void Read(void* data, size_t size) const {
    for (size_t done = 0; done < size;) {
      const ssize_t n = read(fd_, static_cast<char*>(data) + done, size - done);
      if (n <= 0) std::abort();
      done += static_cast<size_t>(n);
    }
  }
  int fd_;
};

// Runs f(rank, peer) in a process a rank; returns what rank 0's gives.
template <typename F>
double InTwoProcesses(F f) {
  int peers[2], result[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, peers) != 0 || pipe(result) != 0) std::abort();
  for (int rank = 0; rank < 2; ++rank) {
    if (fork() != 0) continue;
    close(peers[1 - rank]);
    const double value = f(rank, Peer(peers[rank]));
    if (rank == 0 && write(result[1], &value, sizeof value) < 0) std::abort();
    _exit(0);
  }
  close(peers[0]);
  close(peers[1]);
  close(result[1]);
  double value = 0;
  if (read(result[0], &value, sizeof value) != sizeof value) std::exit(1);
  close(result[0]);
  while (wait(nullptr) > 0) {
  }
  return value;
}

struct Options {
  int64_t images, steps;
  ModelConfig::Precision precision;
};

EngineConfig ConfigOf(const Options& options, int ranks, int bn_group) {
  EngineConfig config;
  config.set_log_interval(1);
  config.mutable_device()->set_kind(DeviceConfig::CPU);
  config.mutable_device()->set_threads(2 / ranks);
  auto& model = *config.mutable_model();
  model.set_precision(options.precision);
  model.set_batch_size(options.images / ranks);
  model.set_eval_batch_size(1);
  model.set_loss_scale(128);
  model.set_bn_group(bn_group);
  config.mutable_optimizer()->set_momentum(0.9);
  config.mutable_eval()->set_candidates(200);
  config.mutable_comm()->set_timeout_seconds(300);
  return config;
}

double Median(std::vector<double> v) {
  std::ranges::nth_element(v, v.begin() + static_cast<ptrdiff_t>(v.size() / 2));
  return v[v.size() / 2];
}

double ImagesPerSecond(Session& session, const Options& options) {
  BenchRequest request;
  request.set_what(BenchRequest::TRAIN);
  request.set_steps(options.steps);
  const BenchReport report = session.Bench(request);
  return 1e3 * static_cast<double>(options.images) /
         Median({report.step_ms().begin(), report.step_ms().end()});
}

double OneRank(const Options& options) {
  return InTwoProcesses([&](int rank, Peer) {  // in a process of its own, like the others
    if (rank != 0) return 0.0;
    Quiet quiet;
    return ImagesPerSecond(*Session::Create(ConfigOf(options, 1, 1), &quiet), options);
  });
}

double TwoRanks(const Options& options, int bn_group) {
  return InTwoProcesses([&](int rank, Peer peer) {
    Quiet quiet;
    const auto session = Session::Create(ConfigOf(options, 2, bn_group), &quiet);
    session->Connect(peer.Exchange(rank, session->Address(rank, 2)));
    return ImagesPerSecond(*session, options);
  });
}

// GB/s of a rank's array.
double SumOnly() {
  return InTwoProcesses([](int rank, Peer peer) {
    const auto comm = OpenGloo({.rank = rank, .world = 2});
    comm->Connect(peer.Exchange(rank, comm->Address()));
    std::vector<float> values(20 << 20, 1.0f);
    std::vector<double> rates;
    for (int i = 0; i < 12; ++i) {
      const auto start = Clock::now();
      comm->Sum(std::span(values));
      const double s = std::chrono::duration<double>(Clock::now() - start).count();
      if (i >= 2) rates.push_back(1e-9 * 4 * static_cast<double>(values.size()) / s);
    }
    return Median(rates);
  });
}

int Main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: ranks_bench IMAGES STEPS ROUNDS [f32|bf16]\n");
    return 2;
  }
  const bool bf16 = argc > 4 && std::strcmp(argv[4], "bf16") == 0;
  const Options options{std::atoll(argv[1]), std::atoll(argv[2]),
                        bf16 ? ModelConfig::BF16 : ModelConfig::F32};
  std::vector<double> one, two, spanning, sums;
  for (int round = 0; round < std::atoi(argv[3]); ++round) {
    one.push_back(OneRank(options));
    two.push_back(TwoRanks(options, 1));
    spanning.push_back(TwoRanks(options, 2));
    sums.push_back(SumOnly());
    std::printf("1 rank x 2 threads %.3f; 2 x 1 %.3f, spanning %.3f images/s; sum %.2f GB/s\n",
                one.back(), two.back(), spanning.back(), sums.back());
    std::fflush(stdout);
  }
  std::printf("medians: 2 x 1 reaches %.3f, spanning %.3f of 1 x 2; sum %.2f GB/s\n",
              Median(two) / Median(one), Median(spanning) / Median(one), Median(sums));
  return 0;
}

}  // namespace
}  // namespace ssd

int main(int argc, char** argv) {
  try {
    return ssd::Main(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "ranks_bench: %s\n", e.what());
    return 1;
  }
}
