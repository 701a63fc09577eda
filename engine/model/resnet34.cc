// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/graph_builder.h"

namespace ssd {

namespace {

// The names count convolutions and BatchNorms of a stage: 0, 1 in block 0, 2 its shortcut if it has
// one, then on (spec section 15).
class Stage {
 public:
  Stage(GraphBuilder& builder, int number)
      : builder_(builder), prefix_("ssd0_resnetmlperf0_stage" + std::to_string(number) + "_") {}

  // conv3x3 - BN - ReLU - conv3x3 - BN - add - ReLU; with a shortcut, x goes through conv1x1 - BN.
  ValueId Block(ValueId x, int64_t channels, int64_t stride, bool shortcut) {
    const int first = next_;
    next_ += shortcut ? 3 : 2;
    ValueId y = Conv(first, x, {.out_channels = channels, .kernel = 3, .stride = stride, .pad = 1});
    y = builder_.BatchNorm(Norm(first), y, true);
    y = Conv(first + 1, y, {.out_channels = channels, .kernel = 3, .pad = 1});
    if (shortcut) {
      x = Conv(first + 2, x, {.out_channels = channels, .kernel = 1, .stride = stride});
      x = builder_.BatchNorm(Norm(first + 2), x, false);
    }
    return builder_.BatchNorm(Norm(first + 1), y, true, x, Init::kLastGamma);
  }

 private:
  ValueId Conv(int number, ValueId x, const GraphBuilder::ConvShape& shape) {
    return builder_.Conv(prefix_ + "conv" + std::to_string(number), x, shape);
  }
  std::string Norm(int number) const { return prefix_ + "batchnorm" + std::to_string(number); }

  GraphBuilder& builder_;
  std::string prefix_;
  int next_ = 0;
};

}  // namespace

ValueId AddResNet34(GraphBuilder& builder, ValueId image) {
  ValueId x = builder.Conv("ssd0_resnetmlperf0_conv0", image,
                           {.out_channels = 64, .kernel = 7, .stride = 2, .pad = 3});
  x = builder.BatchNorm("ssd0_resnetmlperf0_batchnorm0", x, true);
  x = builder.MaxPool(x, 3, 2, 1);

  struct Shape {
    int blocks;
    int64_t channels, stride;
  };
  constexpr Shape kStages[] = {{3, 64, 1}, {4, 128, 2}, {6, 256, 1}};  // layer3 keeps 38x38
  for (int s = 0; s < 3; ++s) {
    Stage stage(builder, s + 1);
    for (int b = 0; b < kStages[s].blocks; ++b)
      x = stage.Block(x, kStages[s].channels, b == 0 ? kStages[s].stride : 1, s > 0 && b == 0);
  }
  return x;
}

}  // namespace ssd
