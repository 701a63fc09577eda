// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Whole sessions on a small data set, with ranks as threads.
#include "train/session.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/safetensors.h"
#include "data/test_files.h"
#include "model/ssd300.h"
#include "train/test_sessions.h"

namespace ssd {
namespace {

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
  Whereabouts where[2];
  OnSessions(2, config, [&](int rank, Session& session, Events& events) {
    session.Train(1, 1);
    where[rank] = session.Where();
    if (rank == 0) session.Save(out / "middle");
    session.Train(1, 2);
    session.Save(out / ("end" + std::to_string(rank)));
    losses[rank] = events.losses();
  });
  EXPECT_EQ(losses[0].size(), 3u);
  EXPECT_EQ(losses[0], losses[1]);  // means over the ranks
  EXPECT_GT(where[0].collectives, 0);
  EXPECT_TRUE(where[0] == where[1] && !where[0].waiting)
      << where[0].doing << ", " << where[1].doing;
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

// The GPU's loss would be NaN for them.
TEST_F(SessionTest, AnInspectedStepRefusesLabelsThatNoClassHas) {
  const std::vector<float> image(3 * kImageSize * kImageSize), offset(kDefaultBoxes * 4);
  for (const int32_t wrong : {-1, 81}) {
    std::vector<int32_t> label(kDefaultBoxes);
    label[77] = wrong;
    TensorWriter writer;
    writer.Add("image", DType::kF32, {1, 3, kImageSize, kImageSize}, image.data());
    writer.Add("label", DType::kI32, {1, kDefaultBoxes}, label.data());
    writer.Add("offset", DType::kF32, {1, kDefaultBoxes, 4}, offset.data());
    writer.Write(folder_ / "in");
    Events events;
    InspectRequest request;
    request.mutable_step()->set_input(folder_ / "in");
    request.mutable_step()->set_output(folder_ / "out");
    request.mutable_step()->set_train(true);
    const auto session = Session::Create(ConfigOf(""), &events);
    EXPECT_EQ(
        ErrorOf(Status::kData, [&] { session->Inspect(request); }),
        (folder_ / "in") + ": tensor label holds " + std::to_string(wrong) + ", must be 0..80");
  }
}

}  // namespace
}  // namespace ssd
