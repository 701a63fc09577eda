// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Streams, events and graphs of the emulated device. What is put into a stream runs when somebody
// waits, as late as the order of streams allows: whoever forgets to wait finds old values.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>

namespace ssd::emulator {

// What CUDA answers, by its numbers.
enum Answer : int {
  kDone = 0,
  kInvalidValue = 1,
  kCaptureUnsupported = 900,  // a call that nobody who captures may make
  kCaptureInvalidated = 901,  // such a call was made before
  kCaptureUnmatched = 903,    // ended on another stream
  kCaptureUnjoined = 904,     // work of another stream that the first one does not wait for
  kCaptureIsolation = 905,    // a wait for what is outside
  kCaptureImplicit = 906,     // the stream of all streams, which would wait for the captured ones
  kCapturedEvent = 907        // a wait, outside, for what only runs in a graph
};

struct Event {
  int64_t recorded = 0;  // the number of its last record; 0: never
  int64_t capture = 0;   // the number of the capture it was recorded in; 0: none
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
Answer Enqueue(Stream* stream, std::function<void()> run);
Answer RecordEvent(Event* event, Stream* stream);
Answer AwaitEvent(Stream* stream, const Event* event);
// Runs what the stream holds, and of the others what that waits for. Throws Status::kInvalid if it
// waits for what never comes.
void Finish(Stream* stream);
Answer Finish(const Event& event);  // until it is reached
void FinishAll();
bool Idle(const Stream* stream);

// One capture at a time. While it lasts, the captured streams keep their work for the graph, and
// what is forbidden spoils it.
bool Captured(const Stream* stream);
Answer BeginCapture(Stream* stream);
Answer EndCapture(Stream* stream, std::shared_ptr<const Graph>* graph);
// Of a call that whoever captures may not make: it waits, asks, allocates or frees.
Answer OutsideCapture();
void Launch(const std::shared_ptr<const Graph>& graph, Stream* stream);

}  // namespace ssd::emulator
