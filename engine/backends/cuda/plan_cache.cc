// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/plan_cache.h"

#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_bytes.h"

namespace ssd {
namespace {

constexpr char kFirstLine[] = "mlperf-ssd plans 2";
constexpr size_t kMaxBytes = size_t{4} << 20;  // some ten thousand plans

std::string FileName(const std::string& identity) {
  std::string name;
  for (const char c : identity) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '.') {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  return "plans-" + name + ".txt";
}

std::string SumLine(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  char line[32];
  std::snprintf(line, sizeof line, "sum %016" PRIx64 "\n", hash);
  return line;
}

std::string KnobsText(const std::map<int64_t, int64_t>& knobs) {
  std::ostringstream text;
  const char* between = "";
  for (const auto& [knob, value] : knobs) {
    text << between << knob << '=' << value;
    between = ",";
  }
  return knobs.empty() ? "-" : text.str();
}

bool ParseKnobs(const std::string& text, std::map<int64_t, int64_t>* knobs) {
  if (text == "-") return true;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    int64_t knob = 0, value = 0;
    int length = 0;
    if (std::sscanf(part.c_str(), "%" SCNd64 "=%" SCNd64 "%n", &knob, &value, &length) != 2 ||
        static_cast<size_t>(length) != part.size() || !knobs->emplace(knob, value).second)
      return false;
  }
  return !knobs->empty();
}

// A line a graph, of a text whose sum is right.
bool ParsePlan(const std::string& line, std::pair<std::string, CachedPlan>* plan) {
  std::istringstream words(line);
  std::string knobs;
  auto& [graph, cached] = *plan;
  return words >> cached.choice.engine >> knobs >> cached.ms && words.get() == ' ' &&
         std::getline(words, graph) && !graph.empty() && cached.choice.engine >= 0 &&
         ParseKnobs(knobs, &cached.choice.knobs);
}

// Up to kMaxBytes and one more.
std::string Content(const std::string& path) {
  const InputFile file(path);
  std::string text(kMaxBytes + 1, '\0');
  text.resize(file.ReadAt(0, text.data(), text.size()));
  return text;
}

}  // namespace

PlanCache::PlanCache(std::string folder, std::string identity,
                     std::function<void(const std::string&)> warn)
    : folder_(std::move(folder)),
      identity_(std::move(identity)),
      path_(folder_ + "/" + FileName(identity_)),
      warn_(std::move(warn)) {
  try {
    plans_ = Read();
  } catch (const Error& e) {
    warn_(std::string(e.what()) + ": the plans are chosen anew");
  }
}

const CachedPlan* PlanCache::Find(const std::string& graph) const {
  const auto found = plans_.find(graph);
  return found == plans_.end() ? nullptr : &found->second;
}

void PlanCache::Put(const std::string& graph, const CachedPlan& plan) {
  SSD_CHECK(graph.find('\n') == std::string::npos);
  plans_[graph] = plan;
  if (!writable_) return;
  Plans all;
  try {
    all = Read();  // what others have put there meanwhile
  } catch (const Error&) {
    // It was told when the cache was opened, and is replaced now.
  }
  for (const auto& [name, own] : plans_) all[name] = own;
  try {
    Write(all);
  } catch (const Error& e) {
    writable_ = false;
    warn_(std::string(e.what()) + ": the next run chooses its plans anew");
  }
}

PlanCache::Plans PlanCache::Read() const {
  Plans plans;
  if (access(path_.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) return plans;
  const std::string text = Content(path_);
  const auto damaged = [&](const char* what) {
    Throw(Status::kData, "%s: %s", path_.c_str(), what);
  };
  if (text.size() > kMaxBytes) damaged("is too large for a file of plans");
  const size_t end = text.rfind("sum ");
  if (end == std::string::npos || text.substr(end) != SumLine(text.substr(0, end)))
    damaged("is damaged or no file of plans");
  std::istringstream lines(text.substr(0, end));
  std::string line;
  if (!std::getline(lines, line) || line != kFirstLine) damaged("is of another version");
  if (!std::getline(lines, line) || line != identity_) damaged("is of another device");
  while (std::getline(lines, line)) {
    std::pair<std::string, CachedPlan> plan;
    if (!ParsePlan(line, &plan)) damaged("holds a line that is no plan");
    plans.insert(std::move(plan));
  }
  return plans;
}

void PlanCache::Write(const Plans& plans) const {
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  if (failure) Throw(Status::kData, "%s: %s", folder_.c_str(), failure.message().c_str());
  std::ostringstream text;
  text << kFirstLine << '\n' << identity_ << '\n';
  for (const auto& [graph, plan] : plans)
    text << plan.choice.engine << ' ' << KnobsText(plan.choice.knobs) << ' ' << plan.ms << ' '
         << graph << '\n';
  AtomicFile file(path_, AtomicFile::Use::kCache);
  file.Write(text.str() + SumLine(text.str()));
  file.Commit();
}

}  // namespace ssd
