// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Whole sessions on a small data set, with ranks as threads.
#include "train/session.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <mutex>

#include "comm/test_ranks.h"
#include "core/error.h"
#include "data/test_files.h"

namespace ssd {
namespace {

constexpr int kTrainImages = 9, kValImages = 5;

class Events : public EventSink {
 public:
  void Emit(uint32_t kind, uint32_t, int64_t, double value, std::string_view) override {
    std::lock_guard lock(mutex_);
    if (kind == kEventStep) losses_.push_back(value);
    if (kind == kEventEvalBegin) ++begun_;
    if (kind == kEventEvalEnd || kind == kEventEvalFailed) ++reported_;
  }
  std::vector<double> losses() { return Locked(losses_); }
  int begun() { return Locked(begun_); }
  int reported() { return Locked(reported_); }

 private:
  template <typename T>
  T Locked(const T& value) {
    std::lock_guard lock(mutex_);
    return value;
  }
  std::mutex mutex_;
  std::vector<double> losses_;
  int begun_ = 0, reported_ = 0;
};

EngineConfig ConfigOf(const std::string& data) {
  EngineConfig config;
  config.set_seed(3);
  config.set_log_interval(1);
  config.mutable_device()->set_kind(DeviceConfig::CPU);
  config.mutable_device()->set_threads(1);
  auto& model = *config.mutable_model();
  model.set_batch_size(1);
  model.set_eval_batch_size(1);
  model.set_loss_scale(128);
  model.set_bn_group(1);
  model.set_zero_init_residual(true);  // or the activations of random weights explode
  auto& input = *config.mutable_data();
  input.set_dir(data);
  input.set_train_samples(kTrainImages);
  input.set_eval_samples(kValImages);
  input.set_max_samples(1);
  input.set_threads(1);
  input.set_prefetch(1);
  auto& optimizer = *config.mutable_optimizer();
  optimizer.set_base_lr(1e-3);
  optimizer.set_decay_factor(0.1);
  optimizer.set_momentum(0.9);
  optimizer.set_steps_per_epoch(4);
  auto& eval = *config.mutable_eval();
  eval.set_score_threshold(0.012f);  // random weights are near 1/81
  eval.set_nms_threshold(0.5f);
  eval.set_candidates(4000);  // the data set has few of the 80 classes
  eval.set_threads(1);
  config.mutable_comm()->set_interface("lo");
  return config;
}

std::string Content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// f(rank, session, events) on sessions that are connected and prepared.
void OnSessions(int world, const EngineConfig& config,
                const std::function<void(int, Session&, Events&)>& f) {
  AddressTable table(world);
  OnThreads(world, [&](int rank) {
    Events events;
    const auto session = Session::Create(config, &events);
    if (world > 1) session->Connect(table.Exchange(rank, session->Address(rank, world)));
    session->Prepare();
    f(rank, *session, events);
  });
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() { MakeTestDataset(folder_.path(), kTrainImages, kValImages); }
  TestFolder folder_;
};

// Detections do not depend on the number of ranks, and only rank 0 scores.
TEST_F(SessionTest, RanksShareTheEvaluation) {
  EngineConfig config = ConfigOf(folder_.path());
  std::string first;
  for (const int world : {1, 2}) {
    const TestFolder out;
    config.mutable_eval()->set_detections(out.path());
    OnSessions(world, config, [&](int rank, Session& session, Events& events) {
      session.Evaluate();
      EXPECT_EQ(events.begun(), 1);
      if (rank == 0)
        while (events.reported() == 0) std::this_thread::yield();
      else
        EXPECT_EQ(events.reported(), 0);
    });
    const std::string detections = Content(out / "detections_step0.json");
    if (world == 1) first = detections;
    EXPECT_GT(detections.size(), 100u) << "no detections to compare";
    EXPECT_TRUE(detections == first) << world << " ranks";
  }
}

// Every rank goes on from the file that rank 0 wrote, to the same bytes.
TEST_F(SessionTest, RanksResumeFromOneCheckpoint) {
  EngineConfig config = ConfigOf(folder_.path());
  const TestFolder out;
  std::vector<double> losses[2];
  OnSessions(2, config, [&](int rank, Session& session, Events& events) {
    session.Train(1, 1);
    if (rank == 0) session.Save(out / "middle");
    session.Train(1, 2);
    session.Save(out / ("end" + std::to_string(rank)));
    losses[rank] = events.losses();
  });
  EXPECT_EQ(losses[0].size(), 3u);
  EXPECT_EQ(losses[0], losses[1]);  // means over the ranks
  config.set_resume_from(out / "middle");
  OnSessions(2, config, [&](int rank, Session& session, Events& events) {
    session.Train(1, 2);
    session.Save(out / ("resumed" + std::to_string(rank)));
    EXPECT_EQ(events.losses(), (std::vector<double>{losses[0][1], losses[0][2]}));
  });
  const std::string end = Content(out / "end0");
  EXPECT_GT(end.size(), 100000000u);
  for (const char* name : {"end1", "resumed0", "resumed1"})
    EXPECT_TRUE(Content(out / name) == end) << name;
  // Another number of ranks would take other samples.
  Events events;
  const auto alone = Session::Create(config, &events);
  EXPECT_NE(ErrorOf(Status::kInvalid, [&] { alone->Prepare(); }).find("ranks = 2"),
            std::string::npos);
}

TEST_F(SessionTest, RefusesAnAddressAfterPrepare) {
  OnSessions(1, ConfigOf(folder_.path()), [&](int, Session& session, Events&) {
    EXPECT_NE(ErrorOf(Status::kInvalid, [&] { session.Address(0, 2); }).find("already prepared"),
              std::string::npos);
  });
}

}  // namespace
}  // namespace ssd
