// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Whole sessions on a small data set, with ranks as threads.
#include "train/session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "backends/backend.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "data/inspect_sample.h"
#include "data/test_files.h"
#include "loss/default_boxes.h"
#include "train/inspect.h"
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
    const std::string detections = out.Read("detections_step0.json");
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
  const std::string end = out.Read("end0");
  EXPECT_GT(end.size(), 100000000u);
  for (const char* name : {"end1", "resumed0", "resumed1"})
    EXPECT_TRUE(out.Read(name) == end) << name;
  // Another number of ranks would take other samples.
  Events events;
  const auto alone = Session::Create(config, &events);
  EXPECT_NE(ErrorOf(Status::kInvalid, [&] { alone->Prepare(); }).find("ranks = 2"),
            std::string::npos);
}

// Of both ranks together, each call for itself. A pass of two ranks reads the nine images once.
TEST_F(SessionTest, ReportsTheBadImagesThatItSkips) {
  for (const char* bad : {"train2017/3.jpg", "val2017/0.jpg", "val2017/4.jpg"})
    WriteFile(folder_ / bad, "no JPEG");
  EngineConfig config = ConfigOf(folder_.path());
  config.mutable_data()->set_bad_image(DataConfig::SKIP);
  config.mutable_optimizer()->set_base_lr(1e-6);
  using Skipped = std::vector<std::pair<std::string, double>>;
  for (const int world : {1, 2}) {
    OnSessions(world, config, [&](int, Session& session, Events& events) {
      session.Train(1, kTrainImages);
      Skipped want = {{"train", 1.0 * world}};  // passes
      EXPECT_EQ(events.skipped(), want) << world << " ranks";
      session.Evaluate();
      want.push_back({"val", 2});
      EXPECT_EQ(events.skipped(), want) << world << " ranks";
    });
  }
}

TEST_F(SessionTest, RefusesAnAddressAfterPrepare) {
  OnSessions(1, ConfigOf(folder_.path()), [&](int, Session& session, Events&) {
    EXPECT_NE(ErrorOf(Status::kInvalid, [&] { session.Address(0, 2); }).find("already prepared"),
              std::string::npos);
  });
}

// What an inspected step says of an input.
class InspectTest : public testing::Test {
 protected:
  std::string Refusal(bool train = true) const {
    input_.Write(folder_ / "in");
    Events events;
    InspectRequest request;
    request.mutable_step()->set_input(folder_ / "in");
    request.mutable_step()->set_output(folder_ / "out");
    request.mutable_step()->set_train(train);
    const auto session = Session::Create(ConfigOf(""), &events);
    const std::string text = ErrorOf(Status::kData, [&] { session->Inspect(request); });
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
    const std::string file = (folder_ / "in") + ": tensor ";
    return text.starts_with(file) ? text.substr(file.size()) : text;
  }

  const TestFolder folder_;
  std::vector<float> image_ = std::vector<float>(3 * kImageSide * kImageSide);
  std::vector<int32_t> label_ = std::vector<int32_t>(kDefaultBoxes);
  std::vector<float> offset_ = std::vector<float>(kDefaultBoxes * 4);
  TensorWriter input_;
};

// What InspectSample writes is a batch of one.
TEST_F(InspectTest, TakesASample) {
  MakeTestDataset(folder_ / "data", 3, 1);
  DataOptions data;
  data.dir = folder_ / "data";
  InspectSample(data, true, 1, 102, folder_ / "sample");
  const TensorFile sample(folder_ / "sample");
  const int64_t image[] = {3, kImageSide, kImageSide}, label[] = {kDefaultBoxes};
  const int64_t offset[] = {kDefaultBoxes, 4};
  input_.Add("image", DType::kF32, {1, 3, kImageSide, kImageSide},
             sample.F32("image", image).data());
  input_.Add("label", DType::kI32, {1, kDefaultBoxes}, sample.I32("label", label).data());
  input_.Add("offset", DType::kF32, {1, kDefaultBoxes, 4}, sample.F32("offset", offset).data());
  input_.Write(folder_ / "batch");
  for (const bool train : {true, false}) {
    InspectRequest::Step step;
    step.set_train(train);
    for (const char* input : {"sample", "batch"}) {
      step.set_input(folder_ / input);
      step.set_output(folder_ / (std::string(input) + ".out"));
      InspectStep(ConfigOf(""), step, false);
    }
    EXPECT_EQ(ReadFile(folder_ / "sample.out"), ReadFile(folder_ / "batch.out"));
  }
}

TEST_F(InspectTest, RefusesLabelsThatNoClassHas) {
  input_.Add("image", DType::kF32, {1, 3, kImageSide, kImageSide}, image_.data());
  input_.Add("label", DType::kI32, {1, kDefaultBoxes}, label_.data());
  input_.Add("offset", DType::kF32, {1, kDefaultBoxes, 4}, offset_.data());
  for (const int32_t wrong : {-1, 81}) {
    label_[77] = wrong;
    EXPECT_EQ(Refusal(), "label holds " + std::to_string(wrong) + ", must be 0..80");
  }
}

TEST_F(InspectTest, RefusesNumbersThatAreNotFinite) {
  input_.Add("image", DType::kF32, {1, 3, kImageSide, kImageSide}, image_.data());
  input_.Add("label", DType::kI32, {1, kDefaultBoxes}, label_.data());
  input_.Add("offset", DType::kF32, {1, kDefaultBoxes, 4}, offset_.data());
  offset_[5] = NAN;
  EXPECT_EQ(Refusal(), "offset holds a value that is not finite");
  image_[5] = INFINITY;
  for (const bool train : {true, false})
    EXPECT_EQ(Refusal(train), "image holds a value that is not finite");
}

TEST_F(InspectTest, EndsSoonWhenItIsAborted) {
  const int32_t count = 0;
  input_.Add("image", DType::kF32, {1, 3, kImageSide, kImageSide}, image_.data());
  input_.Add("boxes", DType::kF32, {0, 4}, nullptr);
  input_.Add("labels", DType::kI32, {0}, nullptr);
  input_.Add("counts", DType::kI32, {1}, &count);
  input_.Write(folder_ / "in");
  InspectRequest::Step step;
  step.set_input(folder_ / "in");
  step.set_output(folder_ / "out");
  for (const bool train : {true, false}) {
    step.set_train(train);
    EXPECT_EQ(ErrorOf(Status::kAborted, [&] { InspectStep(ConfigOf(""), step, true); }),
              "the step was stopped");
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  }
}

// A batch that no memory holds must not be planned before its pixels are asked for.
TEST_F(InspectTest, RefusesShapesWithoutPixels) {
  for (const bool train : {true, false}) {
    input_.Add("image", DType::kF32, {int64_t{1} << 40, 0, kImageSide, kImageSide}, image_.data());
    EXPECT_EQ(Refusal(train),
              "image is F32 [1099511627776, 0, 300, 300], must be F32 [?, 3, 300, 300]");
    input_.Add("image", DType::kF32, {0, 3, kImageSide, kImageSide}, image_.data());
    EXPECT_EQ(Refusal(train), "image holds no image");
  }
}

TEST_F(InspectTest, RefusesBoxesThatAreNone) {
  const int32_t labels[] = {1, 80}, counts[] = {2};
  input_.Add("image", DType::kF32, {1, 3, kImageSide, kImageSide}, image_.data());
  input_.Add("labels", DType::kI32, {2}, labels);
  input_.Add("counts", DType::kI32, {1}, counts);
  for (const CornerBox& wrong :
       {CornerBox{NAN, 0, 1, 1}, CornerBox{0, 0, INFINITY, 1}, CornerBox{0.5f, 0, 0.25f, 1},
        CornerBox{0, 0.5f, 1, 0.5f}, CornerBox{-1, 0, 1, 1}, CornerBox{10, 20, 200, 300}}) {
    const CornerBox boxes[] = {{0, 0, 1, 1}, wrong};
    input_.Add("boxes", DType::kF32, {2, 4}, boxes);
    const std::string text = Refusal();
    EXPECT_TRUE(text.starts_with("boxes, row 1: [") && text.find("is no box") != text.npos) << text;
  }
}

}  // namespace
}  // namespace ssd
