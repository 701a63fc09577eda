// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/file_bytes.h"
#include "core/thread_pool.h"
#include "eval/coco_map.h"

namespace ssd::coco {

// The two halves of LoadDetections.

// One entry at a time: says what is wrong with which.
std::vector<CocoDetection> ReadDetectionsInOrder(const std::string& path);

// Cuts the file into pieces of about `piece` bytes at what look like the ends of entries and parses
// each as a list of its own. A cut may lie: inside a string or a deeper list. Then the piece before
// it is no whole JSON; so if all pieces are, from the first on, every cut was right. Nothing if a
// piece is not, or an entry is longer than `tail` bytes: ReadDetectionsInOrder then knows better.
std::optional<std::vector<CocoDetection>> ReadDetectionPieces(const InputFile& file,
                                                              ThreadPool& pool, size_t piece,
                                                              size_t tail);

}  // namespace ssd::coco
