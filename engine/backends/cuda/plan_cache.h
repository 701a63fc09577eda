// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "backends/cuda/plan_choice.h"

namespace ssd {

struct CachedPlan {
  EngineChoice choice;
  double ms = 0;  // when it was chosen
};

// What was chosen on a device of this kind, in a text file of a folder:
//
//   mlperf-ssd plans 2
//   NVIDIA H100 PCIe, compute 9.0, cuDNN 91900, driver 13000
//   ENGINE KNOB=VALUE,... MS GRAPH        (a line a graph; "-" for no knob)
//   sum HEX                               (of everything above, FNV-1a)
//
// Ranks of several processes may share it: a file is replaced whole, with what it held and what the
// writer adds. Of two that write at once one may lose its plan, which is then timed again. What
// cannot be read or written is told to warn, once each, and never stops a run. Not thread-safe.
class PlanCache {
 public:
  // identity names all that a choice depends on beside the graph, on one line. folder is made when
  // something is put into it.
  PlanCache(std::string folder, std::string identity, std::function<void(const std::string&)> warn);

  const CachedPlan* Find(const std::string& graph) const;
  void Put(const std::string& graph, const CachedPlan& plan);
  const std::string& path() const { return path_; }

 private:
  using Plans = std::map<std::string, CachedPlan>;
  Plans Read() const;
  void Write(const Plans& plans) const;

  const std::string folder_, identity_, path_;
  const std::function<void(const std::string&)> warn_;
  Plans plans_;
  bool writable_ = true;
};

}  // namespace ssd
