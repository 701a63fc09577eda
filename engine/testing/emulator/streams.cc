// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/emulator/streams.h"

#include <memory>
#include <set>
#include <utility>

namespace ssd::emulator {
namespace {

std::set<CUstream_st*>& Open() {
  static std::set<CUstream_st*> open;
  return open;
}

}  // namespace

void Enqueue(CUstream_st* stream, std::function<void()> work) {
  if (stream == nullptr) return work();
  ++stream->taken_in;
  stream->work.push_back(std::move(work));
}

void RunUntil(const CUevent_st& event) {
  CUstream_st* stream = event.stream;
  if (stream == nullptr || Open().count(stream) == 0) return;
  while (stream->done < event.after) {
    const auto work = std::move(stream->work.front());
    stream->work.pop_front();
    ++stream->done;
    work();
  }
}

CUevent_st EndOf(CUstream_st* stream) { return {stream, stream == nullptr ? 0 : stream->taken_in}; }

CUstream_st* OpenStream() {
  auto stream = std::make_unique<CUstream_st>();
  Open().insert(stream.get());
  return stream.release();
}

void CloseStream(CUstream_st* stream) {
  RunUntil(EndOf(stream));
  if (Open().erase(stream) > 0) delete stream;
}

void RunAll() {
  for (CUstream_st* stream : Open()) RunUntil(EndOf(stream));
}

}  // namespace ssd::emulator
