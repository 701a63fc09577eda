// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "abi/ssd_engine.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <string>

#include "abi/driver.h"
#include "abi/event_queue.h"
#include "abi/guard.h"
#include "train/score.h"
#include "train/session.h"
#include "train/verify_data.h"

#ifndef SSD_COMMIT
#define SSD_COMMIT "unknown"
#endif
#ifndef SSD_BACKENDS
#define SSD_BACKENDS "unknown"
#endif

static_assert(static_cast<int>(ssd::Status::kInternal) == SSD_INTERNAL);

struct ssd_engine {
  static constexpr size_t kEvents = 4096;

  ssd::EventQueue events{kEvents};
  std::unique_ptr<ssd::Session> session;
  ssd::Whereabouts told;  // last, by poll
  std::atomic<bool> aborted{false};
  ssd::Driver driver;  // last: its thread ends before what it works on goes
};

namespace {

template <typename Message>
Message Parse(const void* bytes, size_t len, const char* what) {
  Message message;
  if ((bytes == nullptr && len > 0) || len > INT32_MAX ||
      !message.ParseFromArray(bytes, static_cast<int>(len)))
    ssd::Throw(ssd::Status::kInvalid, "%s: %zu bytes are no valid message", what, len);
  return message;
}

void Copy(const std::string& bytes, void* out, size_t cap, size_t* len) {
  if (out == nullptr || len == nullptr || bytes.size() > cap)
    ssd::Throw(ssd::Status::kInvalid, "report: the buffer of %zu bytes is too small for %zu", cap,
               bytes.size());
  std::memcpy(out, bytes.data(), bytes.size());
  *len = bytes.size();
}

// Runs f(session) on the engine's thread.
template <typename F>
ssd_status Call(ssd_engine* e, ssd_error* err, F f) {
  return ssd::Guard(err, [&] {
    if (e == nullptr) ssd::Throw(ssd::Status::kInvalid, "the engine handle is NULL");
    if (e->aborted) ssd::Throw(ssd::Status::kAborted, "stopped");
    e->driver.Call([&] { f(*e->session); });
  });
}

}  // namespace

extern "C" {

uint32_t ssd_abi_version(void) { return SSD_ABI_VERSION; }

const char* ssd_build_info(void) { return SSD_BACKENDS ", commit " SSD_COMMIT; }

ssd_status ssd_engine_create(ssd_engine** out, const void* config, size_t len, ssd_error* err) {
  return ssd::Guard(err, [&] {
    if (out == nullptr) ssd::Throw(ssd::Status::kInvalid, "create: out is NULL");
    *out = nullptr;
    const auto parsed = Parse<ssd::EngineConfig>(config, len, "EngineConfig");
    auto engine = std::make_unique<ssd_engine>();
    engine->driver.Call([&] { engine->session = ssd::Session::Create(parsed, &engine->events); });
    *out = engine.release();
  });
}

ssd_status ssd_engine_address(ssd_engine* e, int32_t rank, int32_t world, void* out, size_t cap,
                              size_t* len, ssd_error* err) {
  return Call(e, err, [&](ssd::Session& s) {
    if (world < 1 || rank < 0 || rank >= world)
      ssd::Throw(ssd::Status::kInvalid, "address: there is no rank %d of %d", rank, world);
    Copy(s.Address(rank, world), out, cap, len);
  });
}

ssd_status ssd_engine_connect(ssd_engine* e, const void* request, size_t len, ssd_error* err) {
  return Call(e, err, [&](ssd::Session& s) {
    const auto parsed = Parse<ssd::ConnectRequest>(request, len, "ConnectRequest");
    s.Connect({parsed.address().begin(), parsed.address().end()});
  });
}

ssd_status ssd_engine_prepare(ssd_engine* e, ssd_error* err) {
  return Call(e, err, [](ssd::Session& s) { s.Prepare(); });
}

ssd_status ssd_engine_train(ssd_engine* e, int64_t epoch, int64_t steps, ssd_error* err) {
  return Call(e, err, [&](ssd::Session& s) { s.Train(epoch, steps); });
}

ssd_status ssd_engine_evaluate(ssd_engine* e, ssd_error* err) {
  return Call(e, err, [](ssd::Session& s) { s.Evaluate(); });
}

ssd_status ssd_engine_save(ssd_engine* e, const char* path, ssd_error* err) {
  return Call(e, err, [&](ssd::Session& s) {
    if (path == nullptr) ssd::Throw(ssd::Status::kInvalid, "save: path is NULL");
    s.Save(path);
  });
}

ssd_status ssd_engine_inspect(ssd_engine* e, const void* request, size_t len, ssd_error* err) {
  return Call(e, err, [&](ssd::Session& s) {
    s.Inspect(Parse<ssd::InspectRequest>(request, len, "InspectRequest"));
  });
}

ssd_status ssd_engine_bench(ssd_engine* e, const void* request, size_t len, void* report,
                            size_t cap, size_t* report_len, ssd_error* err) {
  return Call(e, err, [&](ssd::Session& s) {
    const auto parsed = Parse<ssd::BenchRequest>(request, len, "BenchRequest");
    Copy(s.Bench(parsed).SerializeAsString(), report, cap, report_len);
  });
}

ssd_status ssd_score(const void* request, size_t len, void* report, size_t cap, size_t* report_len,
                     ssd_error* err) {
  return ssd::Guard(err, [&] {
    const auto parsed = Parse<ssd::ScoreRequest>(request, len, "ScoreRequest");
    Copy(ssd::ScoreDetections(parsed).SerializeAsString(), report, cap, report_len);
  });
}

ssd_status ssd_verify(const void* request, size_t len, void* report, size_t cap, size_t* report_len,
                      ssd_error* err) {
  return ssd::Guard(err, [&] {
    const auto parsed = Parse<ssd::VerifyRequest>(request, len, "VerifyRequest");
    Copy(ssd::VerifyData(parsed).SerializeAsString(), report, cap, report_len);
  });
}

size_t ssd_engine_poll(ssd_engine* e, ssd_event* out, size_t cap, int32_t timeout_ms) {
  if (e == nullptr || out == nullptr) return 0;
  size_t n = e->events.Poll(out, cap, timeout_ms);
  const ssd::Whereabouts now = e->session->Where();
  if (n == cap || now == e->told) return n;
  e->told = now;
  out[n++] = ssd::MakeEvent(SSD_EVENT_WHERE, now.waiting ? 1 : 0, 0,
                            static_cast<double>(now.collectives), now.doing);
  return n;
}

void ssd_engine_abort(ssd_engine* e) {
  if (e == nullptr) return;
  e->aborted = true;
  e->session->Abort();
}

void ssd_engine_destroy(ssd_engine* e) {
  if (e == nullptr) return;
  // The session goes on the thread it lived on.
  ssd::Guard(nullptr, [&] { e->driver.Call([&] { e->session.reset(); }); });
  delete e;
}

}  // extern "C"
