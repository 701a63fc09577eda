// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "comm/communicator.h"
#include "core/dtype.h"

namespace ssd {

// A communicator between devices: spans are device memory, whole when a call begins. It can also
// enqueue a sum among the work of a device. The ranks must enqueue the same in the same order.
class DeviceCommunicator : public Communicator {
 public:
  struct Values {
    void* data;
    size_t count;
    DType type;  // kF32 or kF16
  };
  // All of them in place, in one go.
  virtual void SumOn(void* stream, std::span<const Values> values) = 0;
  virtual void SumOn(void* stream, std::span<double> values) = 0;
  // Until done() holds: it is asked again and again. Throws as the other calls do.
  virtual void Await(const std::function<bool()>& done) = 0;
};

}  // namespace ssd
