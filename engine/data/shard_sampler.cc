// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/shard_sampler.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace ssd {
namespace {

constexpr int64_t kBufferSize = 1024;
constexpr uint64_t kFixedSeed = 0;  // of the one shuffle with cache

void Shuffle(std::vector<int32_t>& order, uint64_t seed, uint32_t pass) {
  std::iota(order.begin(), order.end(), 0);
  Philox random(seed, Purpose::kShuffle, pass, 0);
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[random.Below(static_cast<uint32_t>(i))]);
  }
}

}  // namespace

ShardSampler::ShardSampler(const ShardOptions& options, int64_t position)
    : options_(options),
      order_(static_cast<size_t>(options.items)),
      random_(options.seed, Purpose::kBuffer, 0, static_cast<uint64_t>(options.rank)) {
  SSD_CHECK(options.ranks >= 1 && options.rank >= 0 && options.rank < options.ranks);
  SSD_CHECK(options.items >= options.ranks && position >= 0);
  if (options.cache) {
    Shuffle(order_, kFixedSeed, 0);
    shard_ = ShardOf(options.items, options.rank, options.ranks);
    buffer_.resize(static_cast<size_t>(std::min(kBufferSize, shard_.size())));
    for (SampleKey& key : buffer_) key = ReadNext();
    for (int64_t i = 0; i < position; ++i) Next();
    return;
  }
  // `ranks` passes move over every shard, that is over the whole list.
  pass_ = static_cast<uint32_t>(position / options.items * options.ranks + 1);
  at_ = position % options.items;
  for (;; ++pass_) {
    const int64_t turn = (options.rank + int64_t{pass_} - 1) % options.ranks;
    shard_ = ShardOf(options.items, turn, options.ranks);
    if (at_ < shard_.size()) break;
    at_ -= shard_.size();
  }
  Shuffle(order_, options.seed, pass_);
}

SampleKey ShardSampler::ReadNext() {
  if (at_ == shard_.size()) {
    at_ = 0;
    ++pass_;
  }
  return {order_[static_cast<size_t>(shard_.begin + at_++)], pass_};
}

void ShardSampler::StartPass() {
  const int64_t turn = (options_.rank + int64_t{pass_} - 1) % options_.ranks;
  shard_ = ShardOf(options_.items, turn, options_.ranks);
  at_ = 0;
  Shuffle(order_, options_.seed, pass_);
}

SampleKey ShardSampler::Next() {
  if (options_.cache) {
    return std::exchange(buffer_[random_.Below(static_cast<uint32_t>(buffer_.size()))], ReadNext());
  }
  if (at_ == shard_.size()) {
    ++pass_;
    StartPass();
  }
  return {order_[static_cast<size_t>(shard_.begin + at_++)], pass_};
}

}  // namespace ssd
