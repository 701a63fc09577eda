// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "loss/matcher.h"

#include <cmath>

#include "backends/backend.h"
#include "testing/matcher_suite.h"

namespace ssd::testing {
namespace {

EncodedTargets Encode(const std::vector<LabelledBoxes>& batch) {
  constexpr size_t n = kDefaultBoxes;
  EncodedTargets targets{std::vector<int32_t>(batch.size() * n, -1),
                         std::vector<float>(batch.size() * n * 4, NAN)};
  for (size_t i = 0; i < batch.size(); ++i)
    EncodeTargets(batch[i].boxes, batch[i].labels, std::span(targets.label).subspan(i * n, n),
                  std::span(targets.offset).subspan(4 * i * n, 4 * n));
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Cpu, MatcherSuite,
                         ::testing::Values(MatcherCase{"cpu", Encode, /*rounds=*/100}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ssd::testing
