// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ssd {

// Bytes that this process may still take before the system ends processes: what the host has
// available with its swap, or what its control group (version 1 or 2) or one above it leaves, if
// that is less. INT64_MAX where nothing says so. root: in whose proc/ and sys/ that stands.
int64_t FreeMemory(const std::string& root = "");

}  // namespace ssd
