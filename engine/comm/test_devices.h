// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "comm/device_communicator.h"

namespace ssd {

// Rank 0 of two whose calls do nothing: for a test to say what some of them do.
class IdleDevices : public DeviceCommunicator {
 public:
  int rank() const override { return 0; }
  int world() const override { return 2; }
  std::string Address() override { return ""; }
  void Connect(const std::vector<std::string>&) override {}
  void Sum(std::span<float>) override {}
  void Sum(std::span<double>) override {}
  void SumOn(void*, std::span<const Values>) override {}
  void SumOn(void*, std::span<double>) override {}
  void Await(const std::function<bool()>&) override {}
  void Broadcast(std::span<std::byte>) override {}
  std::optional<std::vector<std::string>> Gather(std::string_view) override { return {}; }
  void Exchange(int, std::span<const std::byte>, std::span<std::byte>) override {}
  void Abort() override {}
};

}  // namespace ssd
