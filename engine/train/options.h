// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/backend.h"
#include "data/dataset.h"
#include "engine.pb.h"
#include "optim/lr_schedule.h"
#include "train/checkpoint.h"
#include "train/evaluator.h"
#include "train/ranks.h"
#include "train/trainer.h"

namespace ssd {

// From the configuration to what each part takes. Throws Status::kInvalid naming the key.
void CheckConfig(const EngineConfig& config);
BackendOptions BackendOptionsOf(const EngineConfig& config, NormSpan* norm_span = nullptr);
DataOptions DataOptionsOf(const EngineConfig& config, const Backend& backend, const Ranks& ranks);
LrSchedule LrScheduleOf(const EngineConfig& config);
SgdOptions SgdOptionsOf(const EngineConfig& config);
DetectOptions DetectOptionsOf(const EngineConfig& config);
RunIdentity RunIdentityOf(const EngineConfig& config, const Ranks& ranks);

}  // namespace ssd
