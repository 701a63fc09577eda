// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/graph.h"

namespace ssd {

enum class Pass : uint8_t { kForward, kDataGradient, kWeightGradient, kUpdate, kInference };

// One operation of a step as a GPU does it in f16: what it computes and what it moves through the
// card's memory, counting every tensor it reads or writes once. Activations, their gradients,
// convolution weights and weight gradients are f16, channels last, images with 4 channels and heads
// padded to a multiple of 8 (heads themselves f32); master weights, momentum and all of BatchNorm's
// per-channel numbers are f32.
struct Traffic {
  std::string name;  // of the node's output; "multibox" and "detect" follow the network
  std::string kind;  // conv, bias, relu, statistics, normalise, add, max_pool, gradient_sum,
                     // multibox, detect, sgd; in a gradient's pass: the gradient of that
  Pass pass;
  int64_t flops;           // of multiply-adds of convolutions, without padding
  int64_t bytes_unfused;   // one kernel for each operation
  int64_t bytes_fused;     // what it adds to the kernel that takes it in
  std::string fused_into;  // name of the node that does: its conv or normalise of the same pass;
                           // empty: a kernel of its own
};

// All of a training step (every pass but kInference) and of an inference, each in its order of
// execution, for `batch` images. Fusions are those of model/fusion.h, which cuDNN builds for f16
// channels last and a Network asks for where the backend fuses:
// - statistics in the epilogue of the convolution before, but not of a 7x7 one;
// - normalise + relu in the prologue of the one convolution that reads them, and of its weight
//   gradient; elsewhere normalise + add + relu in one pass;
// - bias + relu in their convolution;
// - in the data gradient of a value's first consumer: the sum of its gradient's terms, the gradient
//   of its ReLU and, where the consumer normalises in its prologue, of the statistics;
// - in inference all of BatchNorm, the residual and the ReLU in the convolution before.
std::vector<Traffic> TrafficOf(const Graph& graph, int64_t batch);

}  // namespace ssd
