// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// cuda_plans NAME PROPERTIES SM BATCH...: makes every op of the network for a GPU that is known by
// its properties alone, in training (alone and with BatchNorms over several ranks) and in
// evaluation, and prints what cuDNN answers for each graph, and under a fused one that is not taken
// what takes its place, beside an own kernel. Fails if an op has no plan. Needs cuDNN's libraries,
// and a driver, which may be a stub.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "backends/cuda/planning_backend.h"
#include "core/error.h"
#include "model/network.h"
#include "model/parameters.h"
#include "model/ssd300.h"

namespace ssd {
namespace {

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  if (!file) Throw(Status::kData, "%s: cannot be read", path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// cuDNN ends the process that lacks one of the first two.
void LoadLibraries() {
  for (const char* library :
       {"libcuda.so.1", "libcublasLt.so.13", "libnvrtc.so.13", "libcudnn.so.9"}) {
    if (dlopen(library, RTLD_NOW | RTLD_GLOBAL) == nullptr)
      Throw(Status::kUnavailable, "%s: name its folder in LD_LIBRARY_PATH", dlerror());
  }
}

struct Use {
  const char* name;
  Network::Mode mode;
  bool spans;
};
constexpr Use kUses[] = {{"training", Network::Mode::kTrain, false},
                         {"training over ranks", Network::Mode::kTrain, true},
                         {"evaluation", Network::Mode::kInfer, false}};

void Plan(PlanTarget& target, int64_t batch, const Use& use) {
  const auto backend = OpenPlanningBackend(target, use.spans);
  const Parameters parameters(BuildSsd300(), *backend);
  const Network network(parameters.graph(), *backend, parameters, batch, use.mode, 0);
  std::printf("%s, batch %lld: %zu MB of memory\n", use.name, static_cast<long long>(batch),
              network.memory_bytes() >> 20);
}

// A line a graph; returns the number of those that are refused and that nothing replaces.
int Print(const std::string& device, const PlanTarget& target) {
  std::map<std::string, PlanRecord> sorted;
  for (const auto& [name, plan] : target.built) sorted[name] = plan.record;
  int missing = 0, replaced = 0;
  for (const auto& [name, record] : sorted) {
    const bool plan = record.refusal.empty();
    std::printf("%-6s %-92s %8.1f MB  %s\n", device.c_str(), name.c_str(),
                static_cast<double>(record.workspace) / (1 << 20),
                plan ? record.engine.c_str() : record.refusal.c_str());
    if (!record.instead.empty()) {
      std::printf("%-6s   %s: own kernel and %s\n", "", plan ? "workspace too dear" : "refused",
                  record.instead.c_str());
      ++replaced;
    } else {
      missing += !plan;
    }
  }
  std::printf("%s: %zu graphs, %d replaced, %d missing\n", device.c_str(), sorted.size(), replaced,
              missing);
  return missing;
}

int Main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: cuda_plans NAME PROPERTIES SM BATCH...\n");
    return 2;
  }
  LoadLibraries();
  const auto target = DescribedTarget(ReadFile(argv[2]), std::atoi(argv[3]));
  int failed = 0;
  for (int i = 4; i < argc; ++i) {
    for (const Use& use : kUses) {
      try {
        Plan(*target, std::atoll(argv[i]), use);
      } catch (const Error& e) {
        std::fprintf(stderr, "cuda_plans: batch %s: %s\n", argv[i], e.what());
        failed = 1;
      }
    }
    // Another batch has others, and each is megabytes.
    for (auto& [name, plan] : target->built) plan.graph.reset();
  }
  return Print(argv[1], *target) > 0 || failed != 0 ? 1 : 0;
}

}  // namespace
}  // namespace ssd

int main(int argc, char** argv) {
  try {
    return ssd::Main(argc, argv);
  } catch (const ssd::Error& e) {
    std::fprintf(stderr, "cuda_plans: %s\n", e.what());
    return 1;
  }
}
