// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "comm/gloo_mesh.h"

namespace ssd {

// The sum of all ranks' values on every rank, by a ring: in R - 1 steps each chunk of 1/R travels
// around and is summed on its way, in R - 1 more the sums travel. Each rank sends 2 (R-1)/R of the
// values. Chunks move in segments, so that adding overlaps with the next transfer.
// REQUIRES: at least as many values as ranks times segments. slots: first of 2^24 that are free.
template <typename T>
class RingSum {
 public:
  RingSum(GlooMesh& mesh, uint64_t slots, std::span<T> values, std::vector<std::byte>& scratch)
      : mesh_(mesh),
        slots_(slots),
        values_(values),
        ranks_(mesh.world()),
        left_((mesh.rank() + ranks_ - 1) % ranks_),
        right_((mesh.rank() + 1) % ranks_),
        largest_((values.size() + static_cast<size_t>(ranks_) - 1) / static_cast<size_t>(ranks_)),
        segments_(static_cast<int>((largest_ + kSegment - 1) / kSegment)) {
    scratch.resize(std::max(scratch.size(), 2 * largest_ * sizeof(T)));
    scratch_ = reinterpret_cast<T*>(scratch.data());
  }

  void Run() {
    Reduce();
    Distribute();
  }

 private:
  using Buffer = std::unique_ptr<GlooMesh::Buffer>;
  static constexpr size_t kSegment = (1 << 20) / sizeof(T);

  // Of a chunk, counted around the ring.
  std::span<T> Segment(int chunk, int segment) const {
    const auto cut = [](size_t n, int i, int of) {
      return n * static_cast<size_t>(i) / static_cast<size_t>(of);
    };
    chunk = (chunk % ranks_ + ranks_) % ranks_;
    const size_t begin = cut(values_.size(), chunk, ranks_);
    const size_t size = cut(values_.size(), chunk + 1, ranks_) - begin;
    const size_t first = cut(size, segment, segments_);
    return values_.subspan(begin + first, cut(size, segment + 1, segments_) - first);
  }
  uint64_t Slot(int step, int segment) const {
    return slots_ + static_cast<uint64_t>(step) * static_cast<uint64_t>(segments_) +
           static_cast<uint64_t>(segment);
  }
  void Send(std::vector<Buffer>& sends, int chunk, int step, int segment) {
    const std::span<T> data = Segment(chunk, segment);
    sends.push_back(mesh_.Wrap(data.data(), data.size_bytes()));
    mesh_.Send(*sends.back(), right_, Slot(step, segment));
  }
  void Receive(std::vector<Buffer>& receives, T* data, size_t size, int step, int segment) {
    receives.push_back(mesh_.Wrap(data, size * sizeof(T)));
    mesh_.Recv(*receives.back(), left_, Slot(step, segment));
  }

  // Step s: send chunk rank - s, add what comes to chunk rank - s - 1, which is sent next; the last
  // one is whole then and is the first of Distribute.
  void Reduce() {
    const int rank = mesh_.rank();
    const auto post = [&](int step) {
      for (int j = 0; j < segments_; ++j)
        Receive(receives_, Arrived(step, j), Segment(rank - step - 1, j).size(), step, j);
    };
    post(0);
    for (int j = 0; j < segments_; ++j) Send(sends_, rank, 0, j);
    for (int step = 0; step < ranks_ - 1; ++step) {
      if (step + 1 < ranks_ - 1) post(step + 1);
      for (int j = 0; j < segments_; ++j) {
        mesh_.AwaitRecv(*receives_[Index(step, j)], left_);
        const std::span<T> sum = Segment(rank - step - 1, j);
        const T* other = Arrived(step, j);
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
        Send(sends_, rank - step - 1, step + 1, j);
      }
    }
  }

  // Step t: chunk rank - t comes, into memory that Reduce sent in its step t, and is sent on.
  void Distribute() {
    const int rank = mesh_.rank();
    std::vector<Buffer> receives;
    for (int t = 0; t < ranks_ - 1; ++t)
      for (int j = 0; j < segments_; ++j) {
        mesh_.AwaitSend(*sends_[Index(t, j)], right_);
        const std::span<T> data = Segment(rank - t, j);
        Receive(receives, data.data(), data.size(), ranks_ - 1 + t, j);
      }
    for (int t = 0; t < ranks_ - 1; ++t)
      for (int j = 0; j < segments_; ++j) {
        mesh_.AwaitRecv(*receives[Index(t, j)], left_);
        if (t + 1 < ranks_ - 1) Send(sends_, rank - t, ranks_ + t, j);
      }
    for (size_t i = Index(ranks_ - 1, 0); i < sends_.size(); ++i)
      mesh_.AwaitSend(*sends_[i], right_);
  }

  size_t Index(int step, int segment) const {
    return static_cast<size_t>(step) * static_cast<size_t>(segments_) +
           static_cast<size_t>(segment);
  }
  T* Arrived(int step, int segment) const {
    const std::span<T> whole = Segment(mesh_.rank() - step - 1, 0);
    const std::span<T> part = Segment(mesh_.rank() - step - 1, segment);
    return scratch_ + static_cast<size_t>(step % 2) * largest_ + (part.data() - whole.data());
  }

  GlooMesh& mesh_;
  const uint64_t slots_;
  const std::span<T> values_;
  const int ranks_, left_, right_;
  const size_t largest_;                  // chunk
  const int segments_;                    // of a chunk
  T* scratch_;                            // two chunks
  std::vector<Buffer> sends_, receives_;  // by step, then segment
};

template <typename T>
void SumRing(GlooMesh& mesh, uint64_t slots, std::span<T> values, std::vector<std::byte>& scratch) {
  RingSum<T>(mesh, slots, values, scratch).Run();
}

}  // namespace ssd
