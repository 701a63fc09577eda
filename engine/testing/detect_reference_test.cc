// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/detect_reference.h"

#include <gtest/gtest.h>

#include "loss/matcher.h"

namespace ssd::testing {
namespace {

// V7.
TEST(DetectReference, DecodesWithAndWithoutOverhang) {
  const float inside[4] = {1.0f, -2.0f, 0.5f, -0.5f};
  const CornerBox p = DecodeBox(DefaultBoxes()[8207], inside);
  const float over[4] = {-8, 0, 5, 0};
  const CornerBox q = DecodeBox(DefaultBoxes()[8692], over);
  const double want_p[4] = {0.294330, 0.212349, 0.747719, 0.583553};
  const double want_q[4] = {-1.323141, -0.178333, 0.552474, 0.511667};
  for (int c = 0; c < 4; ++c) {
    EXPECT_NEAR(p[c], want_p[c], 1e-6) << c;
    EXPECT_NEAR(q[c], want_q[c], 2e-6) << c;
  }
}

TEST(DetectReference, DecodingUndoesEncoding) {
  const CornerBox box = {0.31f, 0.28f, 0.72f, 0.69f};
  const int32_t labels[] = {1};
  std::vector<int32_t> label(kDefaultBoxes);
  std::vector<float> offset(kDefaultBoxes * 4);
  EncodeTargets({&box, 1}, labels, label, offset);
  int positives = 0;
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    if (label[a] == 0) continue;
    ++positives;
    const CornerBox decoded = DecodeBox(DefaultBoxes()[a], &offset[a * 4]);
    for (int c = 0; c < 4; ++c) EXPECT_NEAR(decoded[c], box[c], 1e-6) << a;
  }
  EXPECT_GT(positives, 1);
}

}  // namespace
}  // namespace ssd::testing
