// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace ssd {

// Packs blocks with known lifetimes into one piece of memory: blocks alive at the same time do not
// overlap. Each begins at a multiple of 256 bytes, as cudaMalloc gives memory: no less is promised
// to suffice for a workspace of cuDNN. Times are steps of the schedule; a block lives from first to
// last, both included.
class MemoryPlan {
 public:
  using Block = int;
  Block Add(size_t bytes, int first, int last);
  void Extend(Block block, int time);  // lives until time at least
  // Greedy by size: the largest block first, each at the lowest gap that fits. Returns the total.
  size_t Pack();
  size_t offset(Block block) const { return blocks_[static_cast<size_t>(block)].offset; }
  size_t size(Block block) const { return blocks_[static_cast<size_t>(block)].bytes; }

 private:
  struct Entry {
    size_t bytes;
    int first, last;
    size_t offset;
  };
  std::vector<Entry> blocks_;
};

}  // namespace ssd
