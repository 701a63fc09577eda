// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace ssd {

namespace {
constexpr size_t kAlignment = 256;
}

MemoryPlan::Block MemoryPlan::Add(size_t bytes, int first, int last) {
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  blocks_.push_back({rounded, first, std::max(first, last), 0});
  return static_cast<Block>(blocks_.size()) - 1;
}

void MemoryPlan::Extend(Block block, int time) {
  int& last = blocks_[static_cast<size_t>(block)].last;
  last = std::max(last, time);
}

size_t MemoryPlan::Pack() {
  std::vector<Entry*> order;
  for (Entry& entry : blocks_) order.push_back(&entry);
  std::ranges::stable_sort(order, std::greater{}, [](const Entry* e) { return e->bytes; });

  std::vector<Entry*> placed;  // by offset
  size_t total = 0;
  for (Entry* entry : order) {
    size_t at = 0;
    for (const Entry* other : placed) {
      if (other->last < entry->first || entry->last < other->first) continue;
      if (other->offset >= at + entry->bytes) break;
      at = std::max(at, other->offset + other->bytes);
    }
    entry->offset = at;
    total = std::max(total, at + entry->bytes);
    const auto place =
        std::ranges::upper_bound(placed, at, {}, [](const Entry* e) { return e->offset; });
    placed.insert(place, entry);
  }
  return total;
}

}  // namespace ssd
