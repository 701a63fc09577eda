// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/philox.h"

namespace ssd {

// Entries [begin, end) of a list.
struct Shard {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};
// floor(n s / shards) .. floor(n (s + 1) / shards) - 1. Spec sections 7 and 8.
constexpr Shard ShardOf(int64_t n, int64_t shard, int64_t shards) {
  return {n * shard / shards, n * (shard + 1) / shards};
}

// What a rank trains on: entry `item` of the training list, in pass `pass` over it (from 1).
struct SampleKey {
  int32_t item;
  uint32_t pass;
  bool operator==(const SampleKey&) const = default;
};

struct ShardOptions {
  int64_t items = 0;  // length of the training list; at least one a rank
  uint64_t seed = 0;  // the same on all ranks
  int rank = 0, ranks = 1;
  bool cache = false;
};

// The endless sequence of a rank (spec section 7): a pure function of the options and the position.
// - cache = false: pass p is a permutation of the list, the same on all ranks, of which rank r owns
//   shard (r + p - 1) mod R. A pass covers its shard exactly once.
// - cache = true: the list is shuffled once, the same in every run and on all ranks. The rank reads
//   shard r in a loop through a buffer of 1024 entries (or the whole shard, if that is smaller): a
//   uniformly drawn entry leaves, the next read takes its place. Every pass over the shard leaves
//   exactly once, mixed with its neighbours.
// Not thread-safe.
class ShardSampler {
 public:
  // position: samples that this rank has taken before. O(items) time; with cache O(position) too.
  ShardSampler(const ShardOptions& options, int64_t position);
  SampleKey Next();

 private:
  void StartPass();      // of pass_
  SampleKey ReadNext();  // cache: the next entry of the loop over the shard

  ShardOptions options_;
  std::vector<int32_t> order_;
  Shard shard_{0, 0};
  uint32_t pass_ = 1;
  int64_t at_ = 0;  // within the shard
  Philox random_;   // cache: draws from the buffer
  std::vector<SampleKey> buffer_;
};

}  // namespace ssd
