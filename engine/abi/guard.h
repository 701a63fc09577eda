// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <new>
#include <string_view>

#include "abi/event_queue.h"
#include "abi/ssd_engine.h"
#include "core/error.h"

namespace ssd {

inline ssd_status Fail(ssd_error* err, ssd_status status, std::string_view message) {
  if (err != nullptr) {
    err->status = status;
    CopyText(message, err->message, sizeof err->message);
  }
  return status;
}

// The only catch of the engine: runs f and turns what it throws into a status and a message.
template <typename F>
ssd_status Guard(ssd_error* err, F f) noexcept {
  try {
    f();
    return SSD_OK;
  } catch (const Error& e) {
    return Fail(err, static_cast<ssd_status>(e.status()), e.what());
  } catch (const std::bad_alloc&) {
    return Fail(err, SSD_UNAVAILABLE,
                "out of memory: lower model.batch_size or model.eval_batch_size");
  } catch (const std::exception& e) {
    return Fail(err, SSD_INTERNAL, e.what());
  } catch (...) {
    return Fail(err, SSD_INTERNAL, "unknown exception");
  }
}

}  // namespace ssd
