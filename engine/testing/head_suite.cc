// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/head_suite.h"

#include <cmath>

namespace ssd::testing {

HeadValues::HeadValues(int64_t batch, HeadChannels channels) : channels_(channels) {
  for (size_t k = 0; k < kMaps; ++k) {
    const int64_t size = batch * kMapSize[k] * kMapSize[k] * channels(kMapShapes[k]);
    map[k].assign(static_cast<size_t>(size), NAN);
  }
}

size_t HeadValues::MapOf(int64_t box) {
  size_t k = kMaps - 1;
  while (box % kDefaultBoxes < kMapFirst[k]) --k;
  return k;
}

size_t HeadValues::CellOf(int64_t box) const {
  const size_t k = MapOf(box);
  const int64_t image = box / kDefaultBoxes, local = box % kDefaultBoxes - kMapFirst[k];
  const int64_t cell = image * kMapSize[k] * kMapSize[k] + local / kMapShapes[k];
  return static_cast<size_t>(cell * channels_(kMapShapes[k]));
}

size_t HeadValues::ScoreAt(int64_t box) const {
  const size_t k = MapOf(box);
  const int64_t shape = (box % kDefaultBoxes - kMapFirst[k]) % kMapShapes[k];
  return CellOf(box) + static_cast<size_t>(shape * kClasses);
}

size_t HeadValues::OffsetAt(int64_t box) const {
  const size_t k = MapOf(box);
  const int64_t shape = (box % kDefaultBoxes - kMapFirst[k]) % kMapShapes[k];
  return CellOf(box) + static_cast<size_t>(kMapShapes[k] * kClasses + shape * 4);
}

}  // namespace ssd::testing
