// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/emulator/stream.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"

namespace ssd::emulator {
namespace {

using Items = std::deque<Stream::Item>;
using Reached = std::map<const Event*, int64_t>;  // the last record that has run

struct Capture {
  Stream* origin;
  int64_t number;
  std::thread::id thread;  // that began it
  bool spoilt = false;
  Graph graph = {};
  // Where an event was recorded last: a stream, and how many items it had then.
  struct Place {
    const Stream* stream;
    size_t items;
  };
  std::map<const Event*, Place> recorded_on = {};
  std::set<const Stream*> unjoined = {};  // with work that the origin does not wait for

  Answer Spoil(Answer answer) {
    spoilt = true;
    return answer;
  }
};

struct Device {
  bool newest = false;
  std::vector<std::unique_ptr<Stream>> streams;  // oldest first
  int64_t records = 0, captures = 0;             // of all events, of all streams
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

Answer Put(Stream* stream, Stream::Item item) {
  if (!Captured(stream)) {
    stream->items.push_back(std::move(item));
    return kDone;
  }
  Capture& capture = *The().capture;
  if (capture.spoilt) return kCaptureInvalidated;
  capture.graph.items[stream].push_back(std::move(item));
  if (stream != capture.origin) capture.unjoined.insert(stream);
  return kDone;
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

Answer Enqueue(Stream* stream, std::function<void()> run) {
  if (stream != nullptr) return Put(stream, {.run = std::move(run)});
  if (The().capture != nullptr) return The().capture->Spoil(kCaptureImplicit);
  run();
  return kDone;
}

Answer RecordEvent(Event* event, Stream* stream) {
  const bool captured = Captured(stream);
  const Answer answer =
      Put(stream, {.run = nullptr, .reach = event, .number = event->recorded = ++The().records});
  event->capture = captured ? The().capture->number : 0;
  if (captured)
    The().capture->recorded_on[event] = {stream, The().capture->graph.items[stream].size()};
  return answer;
}

Answer AwaitEvent(Stream* stream, const Event* event) {
  const Stream::Item item = {.run = nullptr, .await = event, .number = event->recorded};
  Capture* capture = The().capture.get();
  if (capture == nullptr || event->capture != capture->number) {
    if (event->capture != 0) return kCapturedEvent;
    if (event->recorded != 0 && Captured(stream)) return capture->Spoil(kCaptureIsolation);
    return Put(stream, item);
  }
  capture->graph.items[stream];
  const Capture::Place& from = capture->recorded_on.at(event);
  if (stream == capture->origin && from.items == capture->graph.items.at(from.stream).size())
    capture->unjoined.erase(from.stream);
  return Put(stream, item);
}

void Finish(Stream* stream) {
  if (stream == nullptr) return FinishAll();
  Run(Queues(), The().reached, [stream] { return stream->items.empty(); });
}

Answer Finish(const Event& event) {
  if (event.capture != 0) return kCapturedEvent;
  Run(Queues(), The().reached, [&event] { return The().reached[&event] >= event.recorded; });
  return kDone;
}

void FinishAll() {
  for (const auto& stream : The().streams) Finish(stream.get());
}

bool Idle(const Stream* stream) { return stream == nullptr || stream->items.empty(); }

bool Captured(const Stream* stream) {
  return The().capture != nullptr && The().capture->graph.items.contains(stream);
}

Answer BeginCapture(Stream* stream) {
  if (stream == nullptr) return kCaptureUnsupported;
  SSD_CHECK(The().capture == nullptr);
  The().capture =
      std::make_unique<Capture>(Capture{stream, ++The().captures, std::this_thread::get_id()});
  The().capture->graph.items[stream];
  return kDone;
}

Answer EndCapture(Stream* stream, std::shared_ptr<const Graph>* graph) {
  if (The().capture == nullptr || stream != The().capture->origin) return kCaptureUnmatched;
  const auto capture = std::move(The().capture);
  if (capture->spoilt) return kCaptureInvalidated;
  if (!capture->unjoined.empty()) return kCaptureUnjoined;
  *graph = std::make_shared<Graph>(std::move(capture->graph));
  return kDone;
}

Answer OutsideCapture() {
  Capture* capture = The().capture.get();
  if (capture == nullptr || capture->thread != std::this_thread::get_id()) return kDone;
  return capture->Spoil(kCaptureUnsupported);
}

void Launch(const std::shared_ptr<const Graph>& graph, Stream* stream) {
  Enqueue(stream, [graph] { Run(*graph); });
}

}  // namespace ssd::emulator
