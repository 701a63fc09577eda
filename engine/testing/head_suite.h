// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The duties of every DetectOp and MultiboxOp, checked against detect_reference.h and
// multibox_reference.h. A test program compiles head_suite*.cc beside its own
// INSTANTIATE_TEST_SUITE_P(Name, DetectSuite, ...) and the same of MultiboxSuite.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "testing/detect_reference.h"
#include "testing/multibox_reference.h"

namespace ssd::testing {

using HeadChannels = int64_t (*)(int64_t shapes);  // Backend::head_channels

// The six head maps of a batch (Layout::kHead, or Layout::kHeadGradient as f32), all NaN at first.
class HeadValues {
 public:
  HeadValues(int64_t batch, HeadChannels channels);

  // Of a default box, 0 .. batch * 8732 - 1: class c of 81, offset t of 4.
  float& Score(int64_t box, int64_t c) { return map[MapOf(box)][ScoreAt(box) + c]; }
  float& Offset(int64_t box, int64_t t) { return map[MapOf(box)][OffsetAt(box) + t]; }
  float Score(int64_t box, int64_t c) const { return map[MapOf(box)][ScoreAt(box) + c]; }
  float Offset(int64_t box, int64_t t) const { return map[MapOf(box)][OffsetAt(box) + t]; }

  std::array<std::vector<float>, kMaps> map;  // [batch, rows, columns, channels]

 private:
  static size_t MapOf(int64_t box);
  size_t CellOf(int64_t box) const;
  size_t ScoreAt(int64_t box) const;
  size_t OffsetAt(int64_t box) const;

  HeadChannels channels_;
};

using Found = std::vector<std::vector<Detection>>;  // by image
struct DetectCase {
  std::string name;
  HeadChannels channels;
  // One run of an op; batch and default boxes of the desc are set.
  std::function<Found(const HeadValues&, const DetectDesc&)> run;
  int64_t rounds;    // of random predictions
  double box_error;  // of a box's extent, at least 1
};
inline void PrintTo(const DetectCase& c, std::ostream* out) { *out << c.name; }

class DetectSuite : public ::testing::TestWithParam<DetectCase> {};

// What an op wrote: the first count[i] of each image's share of out.
Found ByImage(const std::vector<Detection>& out, const std::vector<int32_t>& count);
void ExpectIdentical(const Found& a, const Found& b);

inline constexpr int64_t kCandidates = 200;
Found Detect(const DetectCase& c, const Prediction& prediction, int64_t candidates = kCandidates);
// busy default boxes with a few likely classes each; some are copies, so that scores tie exactly.
Prediction RandomPrediction(uint64_t id, int64_t batch, int64_t busy);

struct MultiboxResult {
  float loss;
  HeadValues gradient;  // of loss times loss_scale
};
struct MultiboxCase {
  std::string name;
  HeadChannels channels;
  // One run of an op on maps, with the labels and targets of the problem; without gradients for the
  // loss only.
  std::function<MultiboxResult(const HeadValues& maps, const MultiboxProblem&, float loss_scale,
                               bool gradients)>
      run;
  double gradient_error;  // of the largest gradient
};
inline void PrintTo(const MultiboxCase& c, std::ostream* out) { *out << c.name; }

class MultiboxSuite : public ::testing::TestWithParam<MultiboxCase> {};

inline constexpr float kLossScale = 128;
MultiboxResult Solve(const MultiboxCase& c, const MultiboxProblem& problem, bool gradients = true);
// One in positive_in default boxes is positive; 0: none.
MultiboxProblem RandomProblem(uint64_t id, int64_t batch, double spread, uint32_t positive_in);

}  // namespace ssd::testing
