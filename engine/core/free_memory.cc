// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/free_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

namespace ssd {

namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

// The first number of a file; none of "max" or without the file.
std::optional<int64_t> NumberIn(const std::string& path) {
  std::ifstream file(path);
  int64_t value;
  if (!(file >> value) || value < 0) return std::nullopt;
  return value;
}

// The number behind a name that begins a line; 0 if there is none.
int64_t Field(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    int64_t value;
    if (words >> word >> value && word == name) return std::max<int64_t>(value, 0);
  }
  return 0;
}

int64_t OfHost(const std::string& root) {
  const std::string path = root + "/proc/meminfo";
  const int64_t available = Field(path, "MemAvailable:");  // KiB
  return available == 0 ? kUnknown : (available + Field(path, "SwapFree:")) * 1024;
}

// What a control group leaves: the pages of files that it holds can be dropped.
int64_t OfGroup(const std::string& dir, const char* limit, const char* usage, const char* files) {
  const auto most = NumberIn(dir + "/" + limit), used = NumberIn(dir + "/" + usage);
  if (!most || !used) return kUnknown;
  const int64_t cache = Field(dir + "/memory.stat", std::string(files) + "inactive_file") +
                        Field(dir + "/memory.stat", std::string(files) + "active_file");
  return std::max<int64_t>(*most - std::max<int64_t>(*used - cache, 0), 0);
}

}  // namespace

int64_t FreeMemory(const std::string& root) {
  int64_t free = OfHost(root);
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // NUMBER:CONTROLLERS:PATH
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    for (bool above = true; above;) {
      above = group.size() > 1;
      if (controllers == "memory") {
        free = std::min(free, OfGroup(root + "/sys/fs/cgroup/memory" + group,
                                      "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"));
      } else if (controllers.empty()) {
        free = std::min(
            free, OfGroup(root + "/sys/fs/cgroup" + group, "memory.max", "memory.current", ""));
      }
      if (above) group.resize(std::max<size_t>(group.rfind('/'), 1));
    }
  }
  return free;
}

}  // namespace ssd
