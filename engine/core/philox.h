// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace ssd {

// What a random number is for: one stream a purpose, so that drawing more of one moves none of the
// others. Append only: the values are part of what a seed means.
enum class Purpose : uint32_t {
  kInit = 0,     // initial weights
  kShuffle = 1,  // order of the image list
  kBuffer = 2,   // the shuffle buffer of a shard
  kCrop = 3,
  kFlip = 4,
  kColor = 5,
  kSynthetic = 6,
};

// Philox4x32-10 (Salmon et al., SC'11): a block of four words is a pure function of counter and
// key.
std::array<uint32_t, 4> constexpr Philox4x32(std::array<uint32_t, 4> counter,
                                             std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

// The random numbers of one thing (a sample, a tensor): a stream keyed by (seed, purpose, epoch,
// id). Decision 5: no generator state outlives the thing, so batches do not depend on threads.
class Philox {
 public:
  Philox(uint64_t seed, Purpose purpose, uint32_t epoch, uint64_t id)
      : key_{static_cast<uint32_t>(seed) ^ static_cast<uint32_t>(id >> 32) * 0x85EBCA6Bu,
             static_cast<uint32_t>(seed >> 32) ^ static_cast<uint32_t>(purpose) * 0xC2B2AE35u},
        counter_{0, epoch, static_cast<uint32_t>(id), static_cast<uint32_t>(purpose)} {}

  uint32_t Next() {
    if (used_ == 4) {
      block_ = Philox4x32(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }
  // Uniform in [0, 1), 24 bits.
  float Uniform() { return static_cast<float>(Next() >> 8) * 0x1p-24f; }
  float Uniform(float lo, float hi) { return lo + (hi - lo) * Uniform(); }
  // Uniform in 0 .. n-1; n > 0. The bias of at most n / 2^32 is accepted.
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>((uint64_t{Next()} * n) >> 32); }

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace ssd
