// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/coco_order.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace ssd::coco {
namespace {

constexpr uint64_t kTableLimit = uint64_t{1} << 24;

uint64_t Distance(int64_t from, int64_t to) {
  return static_cast<uint64_t>(to) - static_cast<uint64_t>(from);
}

template <typename Key>
std::vector<uint32_t> CountingSort(const std::vector<uint32_t>& in, int32_t buckets, Key key) {
  std::vector<size_t> start(buckets + 1, 0);
  for (const uint32_t i : in) ++start[key(i) + 1];
  std::partial_sum(start.begin(), start.end(), start.begin());
  std::vector<uint32_t> out(in.size());
  for (const uint32_t i : in) out[start[key(i)]++] = i;
  return out;
}

}  // namespace

Places::Places(std::vector<int64_t> sorted_ids) : ids_(std::move(sorted_ids)) {
  if (ids_.empty()) return;
  const uint64_t distance = Distance(ids_.front(), ids_.back());
  if (distance >= kTableLimit) return;
  table_.assign(distance + 1, -1);
  for (size_t i = 0; i < ids_.size(); ++i) {
    table_[Distance(ids_.front(), ids_[i])] = static_cast<int32_t>(i);
  }
}

int32_t Places::Find(int64_t id) const {
  if (!table_.empty()) {
    const uint64_t at = Distance(ids_.front(), id);
    return at < table_.size() ? table_[at] : -1;
  }
  const auto it = std::lower_bound(ids_.begin(), ids_.end(), id);
  return it != ids_.end() && *it == id ? static_cast<int32_t>(it - ids_.begin()) : -1;
}

std::vector<uint32_t> SortByCell(std::span<const Place> places, int32_t categories,
                                 int32_t images) {
  std::vector<uint32_t> order;
  order.reserve(places.size());
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].category >= 0) order.push_back(static_cast<uint32_t>(i));
  }
  order = CountingSort(order, images, [&](uint32_t i) { return places[i].image; });
  return CountingSort(order, categories, [&](uint32_t i) { return places[i].category; });
}

}  // namespace ssd::coco
