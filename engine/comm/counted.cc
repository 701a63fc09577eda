// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/counted.h"

#include <utility>

namespace ssd {

namespace {

// One collective. One that throws stays under way: its rank is done with.
class Turn {
 public:
  Turn(CollectiveCount& count, const char* what) : count_(count) {
    count.last = what;
    ++count.under_way;
    ++count.begun;
  }
  void End() { --count_.under_way; }

 private:
  CollectiveCount& count_;
};

class CountedCommunicator : public Communicator {
 public:
  CountedCommunicator(std::unique_ptr<Communicator> comm, CollectiveCount& count)
      : comm_(std::move(comm)), count_(count) {}

  int rank() const override { return comm_->rank(); }
  int world() const override { return comm_->world(); }
  std::string Address() override { return comm_->Address(); }
  void Connect(const std::vector<std::string>& addresses) override { comm_->Connect(addresses); }
  void Sum(std::span<float> values) override {
    Count("all-reduce", [&] { comm_->Sum(values); });
  }
  void Sum(std::span<double> values) override {
    Count("all-reduce", [&] { comm_->Sum(values); });
  }
  void Broadcast(std::span<std::byte> values) override {
    Count("broadcast", [&] { comm_->Broadcast(values); });
  }
  std::optional<std::vector<std::string>> Gather(std::string_view mine) override {
    std::optional<std::vector<std::string>> all;
    Count("gather", [&] { all = comm_->Gather(mine); });
    return all;
  }
  void Exchange(int peer, std::span<const std::byte> mine, std::span<std::byte> theirs) override {
    Count("exchange", [&] { comm_->Exchange(peer, mine, theirs); });
  }
  void Abort() override { comm_->Abort(); }

 private:
  template <typename F>
  void Count(const char* what, F f) {
    Turn turn(count_, what);
    f();
    turn.End();
  }

  const std::unique_ptr<Communicator> comm_;
  CollectiveCount& count_;
};

}  // namespace

std::unique_ptr<Communicator> Counted(std::unique_ptr<Communicator> comm, CollectiveCount& count) {
  return std::make_unique<CountedCommunicator>(std::move(comm), count);
}

}  // namespace ssd
