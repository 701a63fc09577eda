// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The duties of everything that encodes targets, checked against plain loops. A test program
// compiles matcher_suite.cc beside its own INSTANTIATE_TEST_SUITE_P(Name, MatcherSuite, ...).
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "loss/default_boxes.h"

namespace ssd::testing {

// The boxes of an image, ltrb relative to it, and their labels 1..80.
struct LabelledBoxes {
  std::vector<CornerBox> boxes;
  std::vector<int32_t> labels;
};

// Of a batch.
struct EncodedTargets {
  std::vector<int32_t> label;  // [batch, 8732]
  std::vector<float> offset;   // [batch, 8732, 4]
};

struct MatcherCase {
  std::string name;
  // Encodes a batch into memory that held something else before.
  std::function<EncodedTargets(const std::vector<LabelledBoxes>&)> encode;
  int64_t rounds;  // of random batches
};
inline void PrintTo(const MatcherCase& c, std::ostream* out) { *out << c.name; }

class MatcherSuite : public ::testing::TestWithParam<MatcherCase> {};

}  // namespace ssd::testing
