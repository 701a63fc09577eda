// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ssd {

// A fixed group of ranks that call the same collectives in the same order with the same sizes, one
// call at a time on each rank (from any thread). Results have the same bytes on every rank and in
// every run.
//
// Errors: Status::kComm naming the rank that failed, as soon as its connection breaks or when it
// says nothing for the timeout; the communicator is then dead on every rank. Status::kAborted after
// Abort.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int world() const = 0;

  // Before any collective: what the others need to know of this rank, then what all of them gave,
  // by rank. Connect returns when all have connected.
  virtual std::string Address() = 0;
  virtual void Connect(const std::vector<std::string>& addresses) = 0;

  virtual void Sum(std::span<float> values) = 0;
  virtual void Sum(std::span<double> values) = 0;
  virtual void Broadcast(std::span<std::byte> values) = 0;  // rank 0's
  // The bytes of all ranks, by rank, on rank 0; nothing on the others. Sizes may differ.
  virtual std::optional<std::vector<std::string>> Gather(std::string_view mine) = 0;

  // Swaps bytes with a peer, whose peer is this rank; alone with itself it copies. All ranks call
  // it.
  virtual void Exchange(int peer, std::span<const std::byte> mine, std::span<std::byte> theirs) = 0;

  // From any thread: a blocked call and every later one throw.
  virtual void Abort() = 0;
};

// The only rank of a world of one.
std::unique_ptr<Communicator> OpenSolo();

struct CommOptions {
  int rank = 0, world = 1;
  std::string interface = {};  // name or address; empty = see ListenAddress
  std::chrono::milliseconds timeout{300000};
};
// TCP between CPUs, by Gloo. Opens a listening socket for each peer.
std::unique_ptr<Communicator> OpenGloo(const CommOptions& options);

}  // namespace ssd
