// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/decoded_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "core/lazy_memory.h"
#include "testing/error_of.h"

namespace ssd {
namespace {

using testing::ElementsAre;

TEST(DecodedCache, FirstComeFirstKept) {
  std::vector<uint8_t> memory(100);
  DecodedCache cache(5, memory);
  EXPECT_FALSE(cache.Find(3));
  uint8_t* first = cache.Reserve(3, {4, 5});
  ASSERT_EQ(first, memory.data());
  EXPECT_FALSE(cache.Find(3)) << "before it is published";
  EXPECT_EQ(cache.Reserve(3, {4, 5}), nullptr) << "asked for before";
  cache.Publish(3);
  EXPECT_EQ(cache.Reserve(1, {2, 7}), nullptr) << "does not fit";
  EXPECT_EQ(cache.Reserve(0, {40, 1}), nullptr);
  uint8_t* second = cache.Reserve(0, {13, 1});
  ASSERT_EQ(second, first + 60);
  EXPECT_EQ(cache.used(), 99u);
  cache.Publish(0);
  EXPECT_EQ(cache.Reserve(4, {1, 1}), nullptr);
  EXPECT_EQ(cache.used(), 99u);
  const auto found = cache.Find(3);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->data, first);
  EXPECT_EQ(found->stride, 12);
  EXPECT_EQ(found->width, 4);
  EXPECT_EQ(found->height, 5);
  EXPECT_EQ(found->pixel_bytes, 3);
  EXPECT_FALSE(cache.Find(1));
}

TEST(DecodedCache, OneOfManyThreadsKeepsAnImage) {
  constexpr int kImages = 50;
  LazyMemory memory(kImages * 12, "here");
  DecodedCache cache(kImages, memory.bytes());
  std::vector<int> kept(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kImages; ++i) {
        if (uint8_t* pixels = cache.Reserve(i, {2, 2})) {
          std::fill_n(pixels, 12, static_cast<uint8_t>(i));
          cache.Publish(i);
          ++kept[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(kept[0] + kept[1] + kept[2] + kept[3], kImages);
  for (int i = 0; i < kImages; ++i) EXPECT_EQ(cache.Find(i)->data[11], i);
}

TEST(DecodedCache, PartsAndCopies) {
  std::vector<uint8_t> pixels(4 * 3 * 4);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i);
  const PixelView whole{pixels.data(), 16, 4, 3, 4};
  uint8_t out[6];
  CopyRgb(whole.Part({2, 1, 3, 3}), out);
  EXPECT_THAT(out, ElementsAre(24, 25, 26, 40, 41, 42));
}

TEST(LazyMemory, RefusesWhatNoMachineHas) {
  EXPECT_THAT(
      ErrorOf(Status::kUnavailable, [] { LazyMemory memory(size_t{1} << 60, "data.cache_mb"); }),
      testing::StartsWith("data.cache_mb: no 1099511627776 MB of memory: "));
}

}  // namespace
}  // namespace ssd
