// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/free_memory.h"

#include <gtest/gtest.h>

#include <limits>

#include "testing/test_folder.h"

namespace ssd {
namespace {

constexpr const char* kHost =
    "MemTotal:       9000 kB\nMemFree:           1 kB\nMemAvailable:   1000 kB\nSwapFree:    24 "
    "kB\n";

TEST(FreeMemory, IsTheHosts) {
  const TestFolder host;
  EXPECT_EQ(FreeMemory(host.path()), std::numeric_limits<int64_t>::max());
  host.Write("proc/meminfo", kHost);
  EXPECT_EQ(FreeMemory(host.path()), 1024 * 1024);
  host.Write("proc/self/cgroup", "odd\n0::/none\n3:cpu,memory\n");
  EXPECT_EQ(FreeMemory(host.path()), 1024 * 1024);
}

TEST(FreeMemory, IsWhatTheGroupsLeave) {
  const TestFolder host;
  host.Write("proc/meminfo", kHost);
  host.Write("proc/self/cgroup", "0::/user/job\n");
  host.Write("sys/fs/cgroup/user/job/memory.max", "max\n");
  host.Write("sys/fs/cgroup/user/job/memory.current", "5\n");
  EXPECT_EQ(FreeMemory(host.path()), 1024 * 1024);
  host.Write("sys/fs/cgroup/user/memory.max", "10000\n");  // of the group above
  host.Write("sys/fs/cgroup/user/memory.current", "7000\n");
  EXPECT_EQ(FreeMemory(host.path()), 3000);
  host.Write("sys/fs/cgroup/user/memory.stat", "anon 1\ninactive_file 1000\nactive_file 500\n");
  EXPECT_EQ(FreeMemory(host.path()), 4500);
  host.Write("sys/fs/cgroup/memory.max", "10\n");  // a container's own
  host.Write("sys/fs/cgroup/memory.current", "20\n");
  EXPECT_EQ(FreeMemory(host.path()), 0);
}

TEST(FreeMemory, KnowsGroupsOfVersion1) {
  const TestFolder host;
  host.Write("proc/meminfo", kHost);
  host.Write("proc/self/cgroup", "5:cpu:/a\n4:memory:/job\n0::/\n");
  host.Write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "50000\n");
  host.Write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "20000\n");
  host.Write("sys/fs/cgroup/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 300\n");
  EXPECT_EQ(FreeMemory(host.path()), 30300);
  host.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // none
  host.Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
  EXPECT_EQ(FreeMemory(host.path()), 30300);
}

}  // namespace
}  // namespace ssd
