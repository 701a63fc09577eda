// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <iterator>

#include "comm/communicator.h"
#include "comm/gloo_mesh.h"
#include "comm/ring.h"

namespace ssd {

namespace {

// What all ranks send each other in one hop; above it, a ring moves less.
constexpr size_t kDirectBytes = 256 << 10;

class Gloo : public Communicator {
 public:
  explicit Gloo(const CommOptions& options) : mesh_(options) {}

  int rank() const override { return mesh_.rank(); }
  int world() const override { return mesh_.world(); }
  std::string Address() override { return mesh_.Address(); }
  void Connect(const std::vector<std::string>& addresses) override {
    mesh_.Connect(addresses);
    double everybody = 1;
    Sum(std::span(&everybody, 1));
  }
  void Sum(std::span<float> values) override { SumAny(values); }
  void Sum(std::span<double> values) override { SumAny(values); }
  void Broadcast(std::span<std::byte> values) override;
  std::optional<std::vector<std::string>> Gather(std::string_view mine) override;
  void Exchange(int peer, std::span<const std::byte> mine, std::span<std::byte> theirs) override;
  void Abort() override { mesh_.Abort(); }

 private:
  using Buffer = GlooMesh::Buffer;

  template <typename T>
  void SumAny(std::span<T> values) {
    if (values.size_bytes() * static_cast<size_t>(world()) <= kDirectBytes)
      SumDirect(values);
    else
      SumRing(mesh_, NextSlots(), values, scratch_);
  }
  template <typename T>
  void SumDirect(std::span<T> values);
  // Room for 2^24 messages.
  uint64_t NextSlots() { return ++collectives_ << 24; }

  GlooMesh mesh_;
  uint64_t collectives_ = 0;  // the same on all ranks
  std::vector<std::byte> scratch_;
};

// Everybody gets everything and adds in the order of the ranks.
template <typename T>
void Gloo::SumDirect(std::span<T> values) {
  const uint64_t slot = NextSlots();
  const auto n = values.size();
  scratch_.resize(std::max(scratch_.size(), values.size_bytes() * static_cast<size_t>(world())));
  T* all = reinterpret_cast<T*>(scratch_.data());
  std::vector<std::unique_ptr<Buffer>> receives(static_cast<size_t>(world())),
      sends(receives.size());
  for (int peer = 0; peer < world(); ++peer) {
    if (peer == rank()) continue;
    const auto p = static_cast<size_t>(peer);
    receives[p] = mesh_.Wrap(all + p * n, values.size_bytes());
    mesh_.Recv(*receives[p], peer, slot);
  }
  for (int i = 1; i < world(); ++i) {  // not everybody to rank 0 first
    const int peer = (rank() + i) % world();
    auto& send = sends[static_cast<size_t>(peer)];
    send = mesh_.Wrap(values.data(), values.size_bytes());
    mesh_.Send(*send, peer, slot);
  }
  for (int peer = 0; peer < world(); ++peer) {
    if (peer == rank()) continue;
    mesh_.AwaitRecv(*receives[static_cast<size_t>(peer)], peer);
    mesh_.AwaitSend(*sends[static_cast<size_t>(peer)], peer);
  }
  std::ranges::copy(values, all + static_cast<size_t>(rank()) * n);
  std::copy_n(all, n, values.begin());
  for (int peer = 1; peer < world(); ++peer)
    for (size_t i = 0; i < n; ++i) values[i] += all[static_cast<size_t>(peer) * n + i];
}

// A binomial tree from rank 0: who has it gives it to the rank 2^k above, for falling k.
void Gloo::Broadcast(std::span<std::byte> values) {
  const uint64_t slot = NextSlots();
  int reach = 1;
  while (reach < world() && (rank() & reach) == 0) reach *= 2;
  if (rank() != 0) {
    const auto buffer = mesh_.Wrap(values.data(), values.size());
    mesh_.Recv(*buffer, rank() - reach, slot);
    mesh_.AwaitRecv(*buffer, rank() - reach);
  }
  for (int step = reach / 2; step > 0; step /= 2) {
    const int peer = rank() + step;
    if (peer >= world()) continue;
    const auto buffer = mesh_.Wrap(values.data(), values.size());
    mesh_.Send(*buffer, peer, slot);
    mesh_.AwaitSend(*buffer, peer);
  }
}

std::optional<std::vector<std::string>> Gloo::Gather(std::string_view mine) {
  const uint64_t slot = NextSlots();
  const auto send = [&](const void* data, size_t size, uint64_t at) {
    const auto buffer = mesh_.Wrap(data, size);
    mesh_.Send(*buffer, 0, at);
    mesh_.AwaitSend(*buffer, 0);
  };
  if (rank() != 0) {
    const uint64_t size = mine.size();
    send(&size, sizeof size, slot);
    if (size > 0) send(mine.data(), size, slot + 1);
    return std::nullopt;
  }
  std::vector<std::string> all{std::string(mine)};
  for (int peer = 1; peer < world(); ++peer) {
    const auto receive = [&](void* data, size_t size, uint64_t at) {
      const auto buffer = mesh_.Wrap(data, size);
      mesh_.Recv(*buffer, peer, at);
      mesh_.AwaitRecv(*buffer, peer);
    };
    uint64_t size = 0;
    receive(&size, sizeof size, slot);
    std::string bytes(size, '\0');
    if (size > 0) receive(bytes.data(), size, slot + 1);
    all.push_back(std::move(bytes));
  }
  return all;
}

void Gloo::Exchange(int peer, std::span<const std::byte> mine, std::span<std::byte> theirs) {
  const uint64_t slot = NextSlots();
  if (peer == rank()) {
    std::ranges::copy(mine, theirs.begin());
    return;
  }
  const auto receive = mesh_.Wrap(theirs.data(), theirs.size());
  const auto send = mesh_.Wrap(mine.data(), mine.size());
  mesh_.Recv(*receive, peer, slot);
  mesh_.Send(*send, peer, slot);
  mesh_.AwaitRecv(*receive, peer);
  mesh_.AwaitSend(*send, peer);
}

}  // namespace

std::unique_ptr<Communicator> OpenGloo(const CommOptions& options) {
  if (options.world < 2 || options.rank < 0 || options.rank >= options.world)
    Throw(Status::kInvalid, "there is no rank %d of %d", options.rank, options.world);
  return std::make_unique<Gloo>(options);
}

}  // namespace ssd
