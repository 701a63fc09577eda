// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gloo/transport/context.h>
#include <gloo/transport/device.h>
#include <gloo/transport/unbound_buffer.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "comm/communicator.h"
#include "core/error.h"

namespace ssd {

// A connection between every two ranks, messages on them, and who failed.
//
// A rank whose wait breaks tells all others which peer it waited for, so that those who wait for
// somebody else end too and name the same rank. One thread at a time sends and receives; SIGPIPE
// stays blocked on it.
class GlooMesh {
 public:
  using Buffer = gloo::transport::UnboundBuffer;

  explicit GlooMesh(const CommOptions& options);
  ~GlooMesh();
  GlooMesh(const GlooMesh&) = delete;
  GlooMesh& operator=(const GlooMesh&) = delete;

  std::string Address() const;
  void Connect(const std::vector<std::string>& addresses);

  int rank() const { return options_.rank; }
  int world() const { return options_.world; }

  // One buffer takes one Send or Recv and its Await; the memory may go after that or after an
  // error. slot: the same on both sides, never used again.
  std::unique_ptr<Buffer> Wrap(const void* data, size_t size);
  void Send(Buffer& buffer, int to, uint64_t slot);
  void Recv(Buffer& buffer, int from, uint64_t slot);
  void AwaitSend(Buffer& buffer, int to);
  void AwaitRecv(Buffer& buffer, int from);

  void Abort();  // any thread

 private:
  enum class Way { kSend, kRecv };

  void ConnectPeer(int peer, const std::string& address);
  void Await(Buffer& buffer, int peer, Way way);
  template <typename F>
  void Post(int peer, F f);
  [[noreturn]] void Fail(int peer, const std::string& why);
  void TellOthers(int culprit);
  void Watch();
  void EndWith(Status status, const std::string& message);  // REQUIRES: mutex_ held
  void ThrowIfEnded() const;                                // REQUIRES: mutex_ held

  const CommOptions options_;
  std::shared_ptr<gloo::transport::Device> device_;
  std::shared_ptr<gloo::transport::Context> context_;

  std::mutex mutex_;
  std::condition_variable ended_;
  Status status_ = Status::kOk;  // why this mesh is dead
  std::string message_;
  Buffer* blocked_ = nullptr;  // of the wait that is going on
  Way blocked_way_ = Way::kSend;
  int accepting_ = -1;  // the peer whose connection Connect waits for
  bool stopping_ = false;

  int32_t told_ = 0;  // culprit in a notice of another rank
  std::unique_ptr<Buffer> notice_;
  std::thread watcher_;
};

}  // namespace ssd
