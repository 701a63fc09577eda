// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Streams, events and graphs of the emulated device. What is put into a stream runs when somebody
// waits, as late as the order of streams allows: whoever forgets to wait finds old values.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

namespace ssd::emulator {

struct Event {
  int64_t recorded = 0;  // the number of its last record; 0: never
};

struct Stream {
  // One of the three.
  struct Item {
    std::function<void()> run;
    const Event* reach = nullptr;
    const Event* await = nullptr;
    int64_t number = 0;  // of the record
  };
  std::deque<Item> items;
  int priority = 0;  // changes nothing
};

// The work of a capture, by stream.
struct Graph {
  std::map<const Stream*, std::deque<Stream::Item>> items;
};

// Whether the newest stream that can go on does, or the oldest; from now on.
void PreferNewest(bool newest);

Stream* OpenStream();
void CloseStream(Stream* stream);  // after its work
// Null is the stream whose work runs at once.
void Enqueue(Stream* stream, std::function<void()> run);
void RecordEvent(Event* event, Stream* stream);
void AwaitEvent(Stream* stream, const Event* event);
// Runs what the stream holds, and of the others what that waits for. Throws Status::kInvalid if it
// waits for what never comes.
void Finish(Stream* stream);
void Finish(const Event& event);  // until it is reached
void FinishAll();
bool Idle(const Stream* stream);

// One capture at a time. While it lasts, the captured streams keep their work for the graph.
bool Capturing();
bool Captured(const Stream* stream);
void BeginCapture(Stream* stream);
// Null: work of another stream was captured that the first one does not wait for.
std::shared_ptr<const Graph> EndCapture();
void Launch(const std::shared_ptr<const Graph>& graph, Stream* stream);

}  // namespace ssd::emulator
