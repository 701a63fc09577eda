// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/gloo_mesh.h"

#include <gloo/common/error.h>
#include <gloo/transport/tcp/device.h>
#include <netinet/in.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "comm/listen_address.h"

namespace ssd {

namespace {

using std::chrono::milliseconds;

constexpr uint64_t kNoticeSlot = ~uint64_t{0};
constexpr milliseconds kGrace{50};       // for another rank's better knowledge of who failed
constexpr milliseconds kTell{2000};      // at most, to tell all others; Gloo then closes all
constexpr milliseconds kConnect{60000};  // at most, to one peer
constexpr milliseconds kForever = std::chrono::hours(24 * 365);

// Gloo writes to sockets without MSG_NOSIGNAL.
void BlockSigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

std::string BytesOf(const gloo::transport::Address& address) {
  const std::vector<char> bytes = address.bytes();
  return {bytes.begin(), bytes.end()};
}

// Gloo's addresses start with the socket's; the side with the lower one waits for the other.
bool Accepts(const std::string& mine, const std::string& peers) {
  sockaddr_storage a, b;
  std::memcpy(&a, mine.data(), sizeof a);
  std::memcpy(&b, peers.data(), sizeof b);
  int order = 0, ports = 0;
  if (a.ss_family == AF_INET) {
    const auto &x = reinterpret_cast<sockaddr_in&>(a), &y = reinterpret_cast<sockaddr_in&>(b);
    order = std::memcmp(&x.sin_addr, &y.sin_addr, sizeof x.sin_addr);
    ports = x.sin_port - y.sin_port;
  } else {
    const auto &x = reinterpret_cast<sockaddr_in6&>(a), &y = reinterpret_cast<sockaddr_in6&>(b);
    order = std::memcmp(&x.sin6_addr, &y.sin6_addr, sizeof x.sin6_addr);
    ports = x.sin6_port - y.sin6_port;
  }
  return (order != 0 ? order : ports) < 0;
}

std::shared_ptr<gloo::transport::Device> OpenDevice(const CommOptions& options) {
  BlockSigpipe();  // the device's thread inherits it
  const std::string address = ListenAddress(options.interface, InterfaceAddresses());
  try {
    return gloo::transport::tcp::CreateDevice(gloo::transport::tcp::attr(address.c_str()));
  } catch (const std::exception& e) {
    Throw(Status::kUnavailable, "cannot listen on %s: %s: set cluster.interface", address.c_str(),
          e.what());
  }
}

}  // namespace

GlooMesh::GlooMesh(const CommOptions& options)
    : options_(options),
      device_(OpenDevice(options)),
      context_(device_->createContext(options.rank, options.world)) {
  // Gloo waits five times this for a connection.
  context_->setTimeout(std::min(options.timeout, kConnect) / 5);
  try {
    for (int peer = 0; peer < world(); ++peer)
      if (peer != rank()) context_->createPair(peer);
  } catch (const std::exception& e) {
    Throw(Status::kUnavailable, "cannot listen for %d ranks: %s", world() - 1, e.what());
  }
}

GlooMesh::~GlooMesh() {
  if (!watcher_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  notice_->abortWaitRecv();
  watcher_.join();
}

std::string GlooMesh::Address() const {
  std::string all;
  const int any = rank() == 0 ? 1 : 0;
  const size_t size = BytesOf(context_->getPair(any)->address()).size();
  for (int peer = 0; peer < world(); ++peer)
    all += peer == rank() ? std::string(size, '\0') : BytesOf(context_->getPair(peer)->address());
  return all;
}

void GlooMesh::Connect(const std::vector<std::string>& addresses) {
  BlockSigpipe();
  if (static_cast<int>(addresses.size()) != world())
    Throw(Status::kInvalid, "connect: %zu addresses for %d ranks", addresses.size(), world());
  const size_t all = Address().size(), one = all / static_cast<size_t>(world());
  for (int peer = 0; peer < world(); ++peer) {
    if (peer == rank()) continue;
    const std::string& theirs = addresses[static_cast<size_t>(peer)];
    if (theirs.size() != all)
      Throw(Status::kInvalid,
            "connect: the %zu bytes of rank %d are no address of a rank of %d: start all ranks "
            "with the same build and configuration",
            theirs.size(), peer, world());
    ConnectPeer(peer, theirs.substr(one * static_cast<size_t>(rank()), one));
  }
  std::vector<int> peers;
  for (int peer = 0; peer < world(); ++peer)
    if (peer != rank()) peers.push_back(peer);
  notice_ = context_->createUnboundBuffer(&told_, sizeof told_);
  notice_->recv(peers, kNoticeSlot, 0, sizeof told_);
  watcher_ = std::thread([this] { Watch(); });
}

void GlooMesh::ConnectPeer(int peer, const std::string& address) {
  auto& pair = *context_->getPair(peer);
  {
    std::lock_guard lock(mutex_);
    ThrowIfEnded();
    if (Accepts(BytesOf(pair.address()), address)) accepting_ = peer;
  }
  std::string why;
  try {
    pair.connect({address.begin(), address.end()});
  } catch (const std::exception& e) {
    why = e.what();
  }
  std::lock_guard lock(mutex_);
  accepting_ = -1;
  ThrowIfEnded();
  if (why.empty()) return;
  EndWith(Status::kComm, "rank " + std::to_string(rank()) + " of " + std::to_string(world()) +
                             " cannot connect to rank " + std::to_string(peer) + " from " +
                             device_->str() + ": " + why +
                             ": can the hosts reach each other there? Else set cluster.interface");
  ThrowIfEnded();
}

std::unique_ptr<GlooMesh::Buffer> GlooMesh::Wrap(const void* data, size_t size) {
  return context_->createUnboundBuffer(const_cast<void*>(data), size);
}

template <typename F>
void GlooMesh::Post(int peer, F f) {
  BlockSigpipe();
  {
    std::lock_guard lock(mutex_);
    ThrowIfEnded();
  }
  try {
    f();
  } catch (const std::exception& e) {
    Fail(peer, e.what());
  }
}

void GlooMesh::Send(Buffer& buffer, int to, uint64_t slot) {
  Post(to, [&] { buffer.send(to, slot, 0, buffer.size); });
}

void GlooMesh::Recv(Buffer& buffer, int from, uint64_t slot) {
  Post(from, [&] { buffer.recv(from, slot, 0, buffer.size); });
}

void GlooMesh::AwaitSend(Buffer& buffer, int to) { Await(buffer, to, Way::kSend); }
void GlooMesh::AwaitRecv(Buffer& buffer, int from) { Await(buffer, from, Way::kRecv); }

void GlooMesh::Await(Buffer& buffer, int peer, Way way) {
  {
    std::lock_guard lock(mutex_);
    ThrowIfEnded();
    blocked_ = &buffer;
    blocked_way_ = way;
  }
  const auto start = std::chrono::steady_clock::now();
  bool done = false;
  std::string why;
  try {
    done =
        way == Way::kSend ? buffer.waitSend(options_.timeout) : buffer.waitRecv(options_.timeout);
  } catch (const std::exception& e) {
    why = e.what();
  }
  {
    std::lock_guard lock(mutex_);
    blocked_ = nullptr;
    ThrowIfEnded();
  }
  if (done) return;
  if (std::chrono::steady_clock::now() - start >= options_.timeout)
    why = "it, or a rank that it waits for, said nothing for " +
          std::to_string(options_.timeout.count() / 1000) + " s";
  Fail(peer, why);
}

void GlooMesh::Fail(int peer, const std::string& why) {
  std::unique_lock lock(mutex_);
  if (!ended_.wait_for(lock, kGrace, [this] { return status_ != Status::kOk; })) {
    EndWith(Status::kComm, "rank " + std::to_string(peer) + " of " + std::to_string(world()) +
                               " has failed: " + why);
    lock.unlock();
    TellOthers(peer);
    lock.lock();
  }
  ThrowIfEnded();
  Throw(Status::kInternal, "a communicator failed for no reason");
}

// Best effort: who has ended already needs no notice.
void GlooMesh::TellOthers(int culprit) {
  const int32_t notice = culprit;
  std::vector<std::unique_ptr<Buffer>> sends;
  for (int peer = 0; peer < world(); ++peer) {
    if (peer == rank() || peer == culprit) continue;
    try {
      auto buffer = Wrap(&notice, sizeof notice);
      buffer->send(peer, kNoticeSlot, 0, sizeof notice);
      sends.push_back(std::move(buffer));
    } catch (const std::exception&) {
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + kTell;
  for (const auto& buffer : sends) {
    try {
      const auto left =
          std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
      buffer->waitSend(std::max(left, milliseconds(1)));
    } catch (const std::exception&) {
    }
  }
}

void GlooMesh::Watch() {
  BlockSigpipe();
  int from = -1;
  std::string why;
  try {
    if (!notice_->waitRecv(&from, kForever)) return;
  } catch (const std::exception& e) {  // who was about to tell is gone too
    why = e.what();
  }
  std::lock_guard lock(mutex_);
  if (stopping_ || status_ != Status::kOk) return;
  if (!why.empty())
    return EndWith(Status::kComm, "a rank of " + std::to_string(world()) + " has failed: " + why);
  EndWith(Status::kComm, "rank " + std::to_string(told_) + " of " + std::to_string(world()) +
                             " has failed, as rank " + std::to_string(from) + " says");
}

void GlooMesh::EndWith(Status status, const std::string& message) {
  status_ = status;
  message_ = message;
  if (blocked_ != nullptr && blocked_way_ == Way::kSend) blocked_->abortWaitSend();
  if (blocked_ != nullptr && blocked_way_ == Way::kRecv) blocked_->abortWaitRecv();
  if (accepting_ >= 0) context_->getPair(accepting_)->close();
  ended_.notify_all();
}

void GlooMesh::ThrowIfEnded() const {
  if (status_ != Status::kOk) throw Error(status_, message_);
}

void GlooMesh::Abort() {
  std::lock_guard lock(mutex_);
  if (status_ == Status::kOk) EndWith(Status::kAborted, "stopped");
}

}  // namespace ssd
