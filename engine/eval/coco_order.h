// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ssd::coco {

// The place of an id in a sorted list of different ids, by a table where the ids are dense enough.
class Places {
 public:
  explicit Places(std::vector<int64_t> sorted_ids);
  int32_t size() const { return static_cast<int32_t>(ids_.size()); }
  // -1 if not there.
  int32_t Find(int64_t id) const;

 private:
  std::vector<int64_t> ids_;
  std::vector<int32_t> table_;  // by id - first id
};

// Places of an entry in the sorted categories and images; category -1 = left out.
struct Place {
  int32_t category = -1, image = -1;
};

// The entries' indices by (category, image), stable; those left out are not in it.
std::vector<uint32_t> SortByCell(std::span<const Place> places, int32_t categories, int32_t images);

}  // namespace ssd::coco
