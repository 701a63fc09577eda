// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Stands in for nvJPEG: backends/cuda/jpeg.h OpenNvjpeg gives what a test has set.
#pragma once

#include <functional>

#include "backends/cuda/jpeg.h"

namespace ssd::emulator {

// Decodes a file to job.pixels, or refuses it. Empty, as at first: there is no nvJPEG. in_batches:
// whether a batch may hold it, as JpegLibrary's; empty: all.
using DecodeJpeg = std::function<bool(const JpegJob& job)>;
void SetNvjpeg(DecodeJpeg decode, std::function<bool(const JpegJob& job)> in_batches = {});

}  // namespace ssd::emulator
