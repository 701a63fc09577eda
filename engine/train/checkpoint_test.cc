// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "model/graph_builder.h"
#include "testing/error_of.h"
#include "testing/test_folder.h"

namespace ssd {
namespace {

const RunIdentity kRun{.seed = 7, .batch = 4, .precision = "F32"};

Graph TinyGraph() {
  GraphBuilder b;
  ValueId x = b.Conv("c", b.Image(3, 8), {.out_channels = 16, .kernel = 3, .pad = 1, .bias = true});
  b.BatchNorm("n", x, true);
  return b.Take();
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    parameters_.Initialize({.seed = 1, .zero_last_gamma = false}, [](const Param&) {});
    for (int64_t i = 0; i < parameters_.size(); ++i)
      parameters_.momentum()[i] = static_cast<float>(i) * 0.5f;
    parameters_.statistics()[0] = 42;
    SaveCheckpoint(path_, parameters_, {.epoch = 3, .iteration = 5, .step = 17}, kRun);
  }

  std::string LoadError(const RunIdentity& run, Status status) {
    Parameters other(graph_, *backend_);
    return ErrorOf(status, [&] { LoadCheckpoint(path_, run, other); });
  }

  const TestFolder folder_;
  const std::string path_ = folder_ / "a.safetensors";
  const std::unique_ptr<Backend> backend_ =
      OpenBackend({.device = DeviceKind::kCpu, .precision = Precision::kF32, .threads = 1});
  const Graph graph_ = TinyGraph();
  Parameters parameters_{graph_, *backend_};
};

TEST_F(CheckpointTest, RestoresPositionAndEveryValue) {
  Parameters other(graph_, *backend_);
  const TrainPosition position = LoadCheckpoint(path_, kRun, other);
  EXPECT_EQ(position.epoch, 3);
  EXPECT_EQ(position.iteration, 5);
  EXPECT_EQ(position.step, 17);
  for (const Param& p : graph_.params) {
    EXPECT_TRUE(std::equal(parameters_.weights() + p.offset,
                           parameters_.weights() + p.offset + p.size(),
                           other.weights() + p.offset));
    EXPECT_TRUE(std::equal(parameters_.momentum() + p.offset,
                           parameters_.momentum() + p.offset + p.size(),
                           other.momentum() + p.offset));
  }
  EXPECT_EQ(other.statistics()[0], 42);
  EXPECT_EQ(TensorFile(path_).metadata().at("samples"), "68");
}

TEST_F(CheckpointTest, RefusesAnotherRun) {
  EXPECT_NE(
      LoadError({.seed = 8, .batch = 4, .precision = "F32"}, Status::kInvalid).find("seed = 7"),
      std::string::npos);
  EXPECT_NE(
      LoadError({.seed = 7, .batch = 2, .precision = "F32"}, Status::kInvalid).find("batch = 4"),
      std::string::npos);
  EXPECT_NE(
      LoadError({.seed = 7, .batch = 4, .precision = "BF16"}, Status::kInvalid).find("precision"),
      std::string::npos);
}

TEST_F(CheckpointTest, RefusesADamagedFile) {
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x55');
  file.close();
  EXPECT_NE(LoadError(kRun, Status::kData).find("checksum is wrong"), std::string::npos);
}

// As a run that has diverged would leave it, or weights that others have made.
TEST_F(CheckpointTest, RefusesNumbersThatNoNetworkHas) {
  const auto error = [&] {
    SaveCheckpoint(path_, parameters_, {}, kRun);
    return LoadError(kRun, Status::kData);
  };
  const Statistic& n = graph_.statistics[0];
  parameters_.statistics()[n.variance()] = -1e-3f;
  EXPECT_EQ(error(), path_ + ": tensor n_running_var holds a variance below 0");
  parameters_.statistics()[n.mean()] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error(), path_ + ": tensor n_running_mean holds a value that is not finite");
  parameters_.weights()[0] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(error(),
            path_ + ": tensor " + graph_.params[0].name + " holds a value that is not finite");
}

TEST_F(CheckpointTest, RefusesWhatIsNoCheckpoint) {
  TensorWriter writer;
  const auto views = parameters_.AddTo(writer, false);
  writer.Write(path_);
  EXPECT_NE(LoadError(kRun, Status::kData).find("no checkpoint"), std::string::npos);
}

}  // namespace
}  // namespace ssd
