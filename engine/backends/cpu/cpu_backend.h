// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/backend.h"

namespace ssd {

// oneDNN for convolutions, own kernels for the rest; every value is channels last. threads and
// norm_span as in BackendOptions. Throws Status::kUnavailable for a precision that this processor
// lacks.
std::unique_ptr<Backend> OpenCpuBackend(Precision precision, int threads,
                                        NormSpan* norm_span = nullptr);

}  // namespace ssd
