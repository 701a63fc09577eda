// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/emulator/stream.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "core/error.h"

namespace ssd::emulator {
namespace {

using Items = std::deque<Stream::Item>;
using Reached = std::map<const Event*, int64_t>;  // the last record that has run

struct Capture {
  Stream* origin;
  Graph graph;
  std::map<const Event*, const Stream*> recorded_on;
  std::set<const Stream*> unjoined;  // captured, with work that the origin does not wait for
};

struct Device {
  bool newest = false;
  std::vector<std::unique_ptr<Stream>> streams;  // oldest first
  int64_t records = 0;                           // of all events
  Reached reached;
  std::unique_ptr<Capture> capture;
};
Device& The() {
  static Device device;
  return device;
}

// Runs items of the queues, an item at a time, until done().
template <class Done>
void Run(const std::vector<Items*>& queues, Reached& reached, const Done& done) {
  const auto ready = [&reached](const Items* items) {
    if (items->empty()) return false;
    const Stream::Item& item = items->front();
    return item.await == nullptr || reached[item.await] >= item.number;
  };
  while (!done()) {
    const auto oldest = std::ranges::find_if(queues, ready);
    if (oldest == queues.end()) Throw(Status::kInvalid, "a stream waits for what never comes");
    Items* next = *oldest;
    for (Items* items : queues)
      if (The().newest && ready(items)) next = items;
    const Stream::Item item = std::move(next->front());
    next->pop_front();
    if (item.run != nullptr) item.run();
    if (item.reach != nullptr) reached[item.reach] = item.number;
  }
}

std::vector<Items*> Queues() {
  std::vector<Items*> queues;
  for (const auto& stream : The().streams) queues.push_back(&stream->items);
  return queues;
}

void Put(Stream* stream, Stream::Item item) {
  if (Captured(stream)) {
    Capture& capture = *The().capture;
    capture.graph.items[stream].push_back(std::move(item));
    if (stream != capture.origin) capture.unjoined.insert(stream);
  } else {
    stream->items.push_back(std::move(item));
  }
}

// All of the graph, as its streams and events allow.
void Run(const Graph& graph) {
  std::map<const Stream*, Items> items = graph.items;
  std::vector<Items*> queues;
  for (const auto& stream : The().streams)
    if (const auto found = items.find(stream.get()); found != items.end())
      queues.push_back(&found->second);
  SSD_CHECK(queues.size() == items.size());
  Reached reached;
  Run(queues, reached,
      [&] { return std::ranges::all_of(queues, [](const Items* i) { return i->empty(); }); });
}

}  // namespace

void PreferNewest(bool newest) { The().newest = newest; }

Stream* OpenStream() {
  The().streams.push_back(std::make_unique<Stream>());
  return The().streams.back().get();
}

void CloseStream(Stream* stream) {
  Finish(stream);
  std::erase_if(The().streams, [stream](const auto& s) { return s.get() == stream; });
}

void Enqueue(Stream* stream, std::function<void()> run) {
  if (stream == nullptr) return run();
  Put(stream, {.run = std::move(run)});
}

void RecordEvent(Event* event, Stream* stream) {
  if (Captured(stream)) The().capture->recorded_on[event] = stream;
  Put(stream, {.run = nullptr, .reach = event, .number = event->recorded = ++The().records});
}

void AwaitEvent(Stream* stream, const Event* event) {
  if (Capturing() && The().capture->recorded_on.contains(event)) {
    Capture& capture = *The().capture;
    capture.graph.items[stream];
    if (stream == capture.origin) capture.unjoined.erase(capture.recorded_on.at(event));
  }
  Put(stream, {.run = nullptr, .await = event, .number = event->recorded});
}

void Finish(Stream* stream) {
  if (stream == nullptr) return FinishAll();
  Run(Queues(), The().reached, [stream] { return stream->items.empty(); });
}

void Finish(const Event& event) {
  Run(Queues(), The().reached, [&event] { return The().reached[&event] >= event.recorded; });
}

void FinishAll() {
  for (const auto& stream : The().streams) Finish(stream.get());
}

bool Idle(const Stream* stream) { return stream == nullptr || stream->items.empty(); }

bool Capturing() { return The().capture != nullptr; }

bool Captured(const Stream* stream) {
  return Capturing() && The().capture->graph.items.contains(stream);
}

void BeginCapture(Stream* stream) {
  SSD_CHECK(stream != nullptr && !Capturing());
  The().capture = std::make_unique<Capture>(Capture{stream, {}, {}, {}});
  The().capture->graph.items[stream];
}

std::shared_ptr<const Graph> EndCapture() {
  const auto capture = std::move(The().capture);
  if (!capture->unjoined.empty()) return nullptr;
  return std::make_shared<Graph>(std::move(capture->graph));
}

void Launch(const std::shared_ptr<const Graph>& graph, Stream* stream) {
  Enqueue(stream, [graph] { Run(*graph); });
}

}  // namespace ssd::emulator
