// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/backend.h"

namespace ssd::testing {

// A backend whose memory is not the host's, made of one whose memory is: its addresses crash the
// host that uses them, and its copies are made as late as they may be, so that host bytes that
// change or are read before Synchronize show.
std::unique_ptr<Backend> Guard(std::unique_ptr<Backend> backend);

}  // namespace ssd::testing
