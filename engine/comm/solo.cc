// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>

#include "comm/communicator.h"
#include "core/error.h"

namespace ssd {

namespace {

class Solo : public Communicator {
 public:
  int rank() const override { return 0; }
  int world() const override { return 1; }
  std::string Address() override { return ""; }
  void Connect(const std::vector<std::string>& addresses) override {
    if (addresses.size() != 1)
      Throw(Status::kInvalid, "connect: %zu addresses for one rank", addresses.size());
    CheckAborted();
  }
  void Sum(std::span<float>) override { CheckAborted(); }
  void Sum(std::span<double>) override { CheckAborted(); }
  void Broadcast(std::span<std::byte>) override { CheckAborted(); }
  std::optional<std::vector<std::string>> Gather(std::string_view mine) override {
    CheckAborted();
    return std::vector<std::string>{std::string(mine)};
  }
  void Exchange(int, std::span<const std::byte> mine, std::span<std::byte> theirs) override {
    CheckAborted();
    std::ranges::copy(mine, theirs.begin());
  }
  void Abort() override { aborted_ = true; }

 private:
  void CheckAborted() const {
    if (aborted_) Throw(Status::kAborted, "stopped");
  }
  std::atomic<bool> aborted_{false};
};

}  // namespace

std::unique_ptr<Communicator> OpenSolo() { return std::make_unique<Solo>(); }

}  // namespace ssd
