// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace ssd {

// Why a call failed. The values equal the SSD_* statuses of abi/ssd_engine.h; append only.
enum class Status : int {
  kOk = 0,
  kInvalid = 1,      // the caller's fault: configuration, arguments, weights of a wrong shape
  kUnavailable = 2,  // this build or machine cannot do it
  kData = 3,         // an input file is missing, unreadable or wrong
  kDevice = 4,       // the device failed; the engine is dead
  kComm = 5,         // a peer or the network failed; the engine is dead
  kDiverged = 6,     // the loss is not finite
  kAborted = 7,      // Abort was called
  kInternal = 8,     // a bug
};

// The only exception type thrown on purpose. The message names the thing (file, key, tensor) and
// the way out; it is shown to users as it is.
class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  Status status() const { return status_; }

 private:
  Status status_;
};

[[noreturn]] void Throw(Status status, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

// Broken invariants, in every build type.
#define SSD_CHECK(condition)                                                               \
  do {                                                                                     \
    if (!(condition))                                                                      \
      ::ssd::Throw(::ssd::Status::kInternal, "%s:%d: %s", __FILE__, __LINE__, #condition); \
  } while (false)

}  // namespace ssd
