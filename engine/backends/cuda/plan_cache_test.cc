// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/plan_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "testing/test_folder.h"

namespace ssd {
namespace {

namespace fs = std::filesystem;

constexpr char kDevice[] = "NVIDIA H100 PCIe, compute 9.0, cuDNN 91900, driver 13000";
const CachedPlan kPlan{{61, {{6, 2}, {14, -1}}}, 0.125}, kPlain{{0, {}}, 3};

class PlanCacheTest : public ::testing::Test {
 protected:
  PlanCache Open(const std::string& identity = kDevice) {
    return {folder_ / "made/here", identity,
            [this](const std::string& warning) { warnings_.push_back(warning); }};
  }

  const TestFolder folder_;
  std::vector<std::string> warnings_;
};

TEST_F(PlanCacheTest, KeepsWhatIsPut) {
  {
    PlanCache cache = Open();
    EXPECT_EQ(cache.Find("conv forward"), nullptr);
    cache.Put("conv forward", kPlain);
    cache.Put("conv forward", kPlan);
    cache.Put("bias gradient  with two  blanks", kPlain);
  }
  const PlanCache cache = Open();
  ASSERT_NE(cache.Find("conv forward"), nullptr);
  EXPECT_EQ(cache.Find("conv forward")->choice, kPlan.choice);
  EXPECT_EQ(cache.Find("conv forward")->ms, 0.125);
  ASSERT_NE(cache.Find("bias gradient  with two  blanks"), nullptr);
  EXPECT_EQ(cache.Find("bias gradient  with two  blanks")->choice, kPlain.choice);
  EXPECT_TRUE(warnings_.empty()) << warnings_[0];
  EXPECT_EQ(cache.path().substr(folder_.path().size()),
            "/made/here/plans-NVIDIA-H100-PCIe-compute-9.0-cuDNN-91900-driver-13000.txt");
  EXPECT_EQ(ReadFile(cache.path()), std::string("mlperf-ssd plans 2\n") + kDevice +
                                        "\n0 - 3 bias gradient  with two  blanks\n"
                                        "61 6=2,14=-1 0.125 conv forward\n"
                                        "sum 732c88efda8712e3\n");
}

TEST_F(PlanCacheTest, DevicesDoNotMix) {
  Open().Put("conv", kPlan);
  EXPECT_EQ(Open("NVIDIA A100").Find("conv"), nullptr);
  fs::copy_file(Open().path(), Open("NVIDIA A100").path());
  EXPECT_TRUE(warnings_.empty()) << warnings_[0];
  EXPECT_EQ(Open("NVIDIA A100").Find("conv"), nullptr);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("of another device: the plans are chosen anew"), std::string::npos);
}

// Every file that is cut or changed at one byte is told once, gives nothing, and is replaced.
TEST_F(PlanCacheTest, DamagedFilesAreReplaced) {
  Open().Put("conv", kPlan);
  const std::string path = Open().path(), good = ReadFile(path);
  std::vector<std::string> bad = {"", "sum ", std::string(100, '\0'), good + "x", good + good};
  for (size_t i = 0; i < good.size(); ++i) {
    bad.push_back(good.substr(0, i));
    bad.push_back(good);
    bad.back()[i] ^= 1;
  }
  for (const std::string& text : bad) {
    WriteFile(path, text);
    warnings_.clear();
    PlanCache cache = Open();
    EXPECT_EQ(cache.Find("conv"), nullptr) << text;
    ASSERT_EQ(warnings_.size(), 1u) << text;
    EXPECT_EQ(warnings_[0].find(path + ": "), 0u) << warnings_[0];
    cache.Put("conv", kPlan);
    EXPECT_EQ(ReadFile(path), good);
    EXPECT_EQ(warnings_.size(), 1u);
  }
}

TEST_F(PlanCacheTest, WhatCannotBeReadOrWrittenStopsNothing) {
  WriteFile(folder_ / "made", "a file");
  PlanCache cache = Open();
  cache.Put("conv", kPlan);
  cache.Put("other", kPlain);
  EXPECT_EQ(cache.Find("conv")->choice, kPlan.choice);
  ASSERT_EQ(warnings_.size(), 1u) << "told once";
  EXPECT_NE(warnings_[0].find(folder_ / "made"), std::string::npos) << warnings_[0];

  fs::remove(folder_ / "made");
  fs::create_directories(cache.path());  // a folder in the file's place
  warnings_.clear();
  Open().Put("conv", kPlan);
  EXPECT_EQ(warnings_.size(), 2u) << "reading and writing";

  fs::remove(cache.path());
  WriteFile(cache.path(), std::string(5 << 20, 'x'));
  warnings_.clear();
  Open();
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("too large"), std::string::npos);
}

TEST_F(PlanCacheTest, WritersKeepEachOthersPlans) {
  PlanCache first = Open(), second = Open();
  first.Put("a", kPlan);
  second.Put("b", kPlain);
  first.Put("c", kPlain);
  const PlanCache read = Open();
  for (const char* graph : {"a", "b", "c"}) EXPECT_NE(read.Find(graph), nullptr) << graph;
}

// Whoever reads while others write sees a whole file, and no temporary one is left.
TEST_F(PlanCacheTest, ManyWriteAtOnce) {
  constexpr int kWriters = 4, kPlans = 20;
  std::atomic<int> warned = 0;
  const auto open = [&] {
    return PlanCache(folder_.path(), kDevice, [&](const std::string&) { ++warned; });
  };
  std::vector<std::thread> writers;
  std::atomic<int> writing = kWriters;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      PlanCache cache = open();
      for (int i = 0; i < kPlans; ++i)
        cache.Put("graph " + std::to_string(w) + " " + std::to_string(i), kPlan);
      --writing;
    });
  }
  while (writing > 0) open();
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(warned, 0);
  const PlanCache last = open();
  EXPECT_NE(ReadFile(last.path()).find("graph"), std::string::npos);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace ssd
