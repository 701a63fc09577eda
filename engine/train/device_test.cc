// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// A device whose memory is not the host's gives what the CPU gives, to the byte. This program has
// an OpenBackend of its own.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "backends/backend.h"
#include "backends/cpu/cpu_backend.h"
#include "core/philox.h"
#include "core/safetensors.h"
#include "data/test_files.h"
#include "testing/guarded_backend.h"
#include "train/synthetic.h"
#include "train/test_sessions.h"

namespace ssd {
namespace {

std::atomic<bool> guarded = true;

}  // namespace

std::unique_ptr<Backend> OpenBackend(const BackendOptions& options) {
  auto cpu = OpenCpuBackend(options.precision, options.threads, options.norm_span);
  return guarded ? testing::Guard(std::move(cpu)) : std::move(cpu);
}

bool OpensOnGpu(const BackendOptions&) { return false; }

namespace {

class DeviceTest : public ::testing::Test {
 protected:
  ~DeviceTest() override { guarded = true; }
};

// The files that write(folder) leaves under names, on each kind of memory.
void ExpectSameFiles(const std::vector<std::string>& names,
                     const std::function<void(const TestFolder&)>& write) {
  const TestFolder host, device;
  guarded = false;
  write(host);
  guarded = true;
  write(device);
  for (const std::string& name : names) {
    const std::string want = host.Read(name);
    EXPECT_GT(want.size(), 100u) << name;
    EXPECT_TRUE(device.Read(name) == want) << name;
  }
}

TEST_F(DeviceTest, TheHostCannotReadDeviceMemory) {
  const auto backend = OpenBackend({.threads = 1});
  const auto memory = backend->Allocate(4);
  const auto* value = static_cast<const volatile float*>(memory->data());
  EXPECT_DEATH(std::exit(*value == 0 ? 0 : 1), "");
}

TEST_F(DeviceTest, CopiesAreWholeAtSynchronize) {
  const auto backend = OpenBackend({.threads = 1});
  const auto memory = backend->Allocate(4);
  float up = 1, down = 0;
  backend->Upload(memory->data(), std::as_bytes(std::span(&up, 1)));
  up = 2;
  backend->Download(std::as_writable_bytes(std::span(&down, 1)), memory->data());
  EXPECT_EQ(down, 0);
  backend->Synchronize();
  EXPECT_EQ(down, 2);
}

// Training, evaluation, saving and resuming, of two ranks.
TEST_F(DeviceTest, SessionsOfBothWriteTheSame) {
  const TestFolder data;
  MakeTestDataset(data.path(), kTrainImages, kValImages);
  ExpectSameFiles({"first", "second", "detections_step3.json"}, [&](const TestFolder& out) {
    EngineConfig config = ConfigOf(data.path());
    config.mutable_eval()->set_detections(out.path());
    OnSessions(2, config, [&](int rank, Session& session, Events&) {
      session.Train(1, 2);
      if (rank == 0) session.Save(out / "first");
    });
    config.set_resume_from(out / "first");
    OnSessions(2, config, [&](int rank, Session& session, Events& events) {
      session.Train(1, 1);
      session.Evaluate();
      if (rank == 0) session.Save(out / "second");
      while (rank == 0 && events.reported() == 0) std::this_thread::yield();
    });
  });
}

// A step's input as `inspect` takes it.
void WriteStepInput(const std::string& path) {
  const SyntheticBatch made(1, {DType::kF32, 3}, 5);
  std::vector<float> image(3 * kImageSide * kImageSide);
  Philox random(5, Purpose::kSynthetic, 1, 0);
  for (float& v : image) v = random.Uniform(-2, 2);
  TensorWriter writer;
  writer.Add("image", DType::kF32, {1, 3, kImageSide, kImageSide}, image.data());
  writer.Add("label", DType::kI32, {1, kDefaultBoxes}, made.train().label);
  writer.Add("offset", DType::kF32, {1, kDefaultBoxes, 4}, made.train().offset);
  writer.Write(path);
}

TEST_F(DeviceTest, InspectedStepsOfBothAreTheSame) {
  const TestFolder folder;
  WriteStepInput(folder / "input");
  EngineConfig config = ConfigOf("");
  ExpectSameFiles({"train", "infer"}, [&](const TestFolder& out) {
    for (const char* name : {"train", "infer"}) {
      Events events;
      InspectRequest request;
      auto& step = *request.mutable_step();
      step.set_input(folder / "input");
      step.set_output(out / name);
      step.set_train(name == std::string("train"));
      step.set_update(step.train());
      step.set_lr(1e-3);
      Session::Create(config, &events)->Inspect(request);
    }
  });
}

TEST_F(DeviceTest, BenchmarksRun) {
  const EngineConfig config = ConfigOf("");
  for (const auto what : {BenchRequest::TRAIN, BenchRequest::INFER}) {
    Events events;
    BenchRequest request;
    request.set_what(what);
    request.set_steps(1);
    EXPECT_EQ(Session::Create(config, &events)->Bench(request).step_ms_size(), 1);
  }
}

}  // namespace
}  // namespace ssd
