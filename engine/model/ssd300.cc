// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/ssd300.h"

#include "model/graph_builder.h"

namespace ssd {

namespace {

// One extra layer: 1x1 to `squeeze` channels, 3x3 to `channels`, each with bias and ReLU.
struct Extra {
  int64_t squeeze, channels, stride, pad;
};
constexpr Extra kExtras[] = {
    {256, 512, 2, 1}, {256, 512, 2, 1}, {128, 256, 2, 1}, {128, 256, 1, 0}, {128, 256, 1, 0}};

}  // namespace

Graph BuildSsd300() {
  GraphBuilder builder;
  std::vector<ValueId> maps{AddResNet34(builder, builder.Image(3, kImageSide))};
  for (int i = 0; i < 5; ++i) {
    const Extra& extra = kExtras[i];
    const ValueId squeezed = builder.Conv("ssd0_expand_trans_conv" + std::to_string(i), maps.back(),
                                          {.out_channels = extra.squeeze,
                                           .kernel = 1,
                                           .bias = true,
                                           .relu = true,
                                           .init = Init::kXavier});
    maps.push_back(builder.Conv("ssd0_expand_conv" + std::to_string(i), squeezed,
                                {.out_channels = extra.channels,
                                 .kernel = 3,
                                 .stride = extra.stride,
                                 .pad = extra.pad,
                                 .bias = true,
                                 .relu = true,
                                 .init = Init::kXavier}));
  }
  for (size_t k = 0; k < maps.size(); ++k)
    builder.Head("ssd0_convpredictor" + std::to_string(k) + "_conv0", maps[k], kMapShapes[k]);
  return builder.Take();
}

}  // namespace ssd
