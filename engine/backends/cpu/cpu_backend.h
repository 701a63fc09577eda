// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"

namespace ssd {

// oneDNN for convolutions, own kernels for the rest; every value is channels last. threads and
// norm_span as in BackendOptions. no_gpu: why the CPU serves where a GPU was looked for, repeated
// by Describe and by errors. Throws Status::kUnavailable for a precision that this processor lacks.
std::unique_ptr<Backend> OpenCpuBackend(Precision precision, int threads,
                                        NormSpan* norm_span = nullptr,
                                        const std::string& no_gpu = "");

}  // namespace ssd
