// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "engine.pb.h"

namespace ssd {

// One inspected step (InspectRequest.Step): from weights and a prepared input to outputs, loss,
// gradients, updated parameters, all as f32 in a safetensors file. Opens its own backend. Checks
// aborted between its parts.
void InspectStep(const EngineConfig& config, const InspectRequest::Step& request,
                 const std::atomic<bool>& aborted);

}  // namespace ssd
