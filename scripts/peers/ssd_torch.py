# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0
"""SSD300-ResNet34 in PyTorch: an independent oracle for `mlperf-ssd step` and a peer for speed.

Development only: needs `pip install torch safetensors numpy`; the product and its tests do not.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

MAPS = (38, 19, 10, 5, 3, 1)
SHAPES = (4, 6, 6, 6, 4, 4)
BOXES = 8732
NET = "ssd0_resnetmlperf0_"


class Block(nn.Module):
    def __init__(self, cin, cout, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.shortcut = None
        if shortcut:
            self.shortcut = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class SSD(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn = nn.BatchNorm2d(64)
        stages, cin = [], 64
        for n, c, s in ((3, 64, 1), (4, 128, 2), (6, 256, 1)):
            stages.append(nn.ModuleList(
                [Block(cin if b == 0 else c, c, s if b == 0 else 1, b == 0 and c > 64) for b in range(n)]))
            cin = c
        self.stages = nn.ModuleList(stages)
        extras, cin = [], 256
        for mid, cout, s, p in ((256, 512, 2, 1), (256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 256, 1, 0)):
            extras.append(nn.ModuleList([nn.Conv2d(cin, mid, 1), nn.Conv2d(mid, cout, 3, s, p)]))
            cin = cout
        self.extras = nn.ModuleList(extras)
        self.heads = nn.ModuleList(
            [nn.Conv2d(c, 85 * n, 3, 1, 1) for c, n in zip((256, 512, 512, 256, 256, 256), SHAPES)])

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn(self.conv(x))), 3, 2, 1)
        for stage in self.stages:
            for block in stage:
                x = block(x)
        maps = [x]
        for squeeze, expand in self.extras:
            x = F.relu(expand(F.relu(squeeze(x))))
            maps.append(x)
        scores, offsets = [], []
        for m, head, n in zip(maps, self.heads, SHAPES):
            y = head(m).permute(0, 2, 3, 1)
            scores.append(y[..., :81 * n].reshape(len(y), -1, 81))
            offsets.append(y[..., 81 * n:].reshape(len(y), -1, 4))
        return torch.cat(scores, 1), torch.cat(offsets, 1)

    def log_names(self):
        """(name in the MLPerf log, module, attribute) of every parameter and running statistic."""
        out = []

        def conv(name, m):
            out.append((name + "_weight", m, "weight"))
            if m.bias is not None:
                out.append((name + "_bias", m, "bias"))

        def norm(name, m):
            out.extend([(name + "_gamma", m, "weight"), (name + "_beta", m, "bias"),
                        (name + "_running_mean", m, "running_mean"), (name + "_running_var", m, "running_var")])

        conv(NET + "conv0", self.conv)
        norm(NET + "batchnorm0", self.bn)
        for s, stage in enumerate(self.stages, 1):
            n = 0
            for block in stage:
                pairs = [(block.conv1, block.bn1), (block.conv2, block.bn2)]
                if block.shortcut is not None:
                    pairs.append((block.shortcut[0], block.shortcut[1]))
                for c, b in pairs:
                    conv(f"{NET}stage{s}_conv{n}", c)
                    norm(f"{NET}stage{s}_batchnorm{n}", b)
                    n += 1
        for i, (squeeze, expand) in enumerate(self.extras):
            conv(f"ssd0_expand_trans_conv{i}", squeeze)
            conv(f"ssd0_expand_conv{i}", expand)
        for k, head in enumerate(self.heads):
            conv(f"ssd0_convpredictor{k}_conv0", head)
        return out

    def tensors(self):
        return {name: getattr(m, a) for name, m, a in self.log_names()}

    def load(self, tensors):
        with torch.no_grad():
            for name, t in self.tensors().items():
                t.copy_(tensors[name])


def loss_of(scores, offsets, label, offset):
    """Section 5, mean over the batch, in the type of the scores."""
    total = scores.new_zeros(())
    for s, o, l, t in zip(scores, offsets, label, offset):
        positive = l > 0
        p = int(positive.sum())
        if p == 0:
            continue
        ce = F.cross_entropy(s, l.long(), reduction="none")
        rank = torch.where(positive, torch.zeros_like(ce), ce).detach()
        order = torch.sort(rank, descending=True, stable=True).indices[:3 * p]
        chosen = positive.clone()
        chosen[order] = True
        d = (o - t)[positive]
        box = torch.where(d.abs() < 1, 0.5 * d * d, d.abs() - 0.5).sum()
        total = total + (ce[chosen].sum() + box) / p
    return total / len(scores)


def well_conditioned(model, seed):
    """Hardly a ReLU input is negative: BatchNorm gamma 0.3..0.7, beta 3..5, extra layers' biases 6..10."""
    g = torch.Generator().manual_seed(seed)
    uniform = lambda t, lo, hi: t.copy_(torch.rand(t.shape, generator=g) * (hi - lo) + lo)
    with torch.no_grad():
        for name, t in model.tensors().items():
            if name.endswith("_gamma"):
                uniform(t, 0.3, 0.7)
            elif name.endswith("_beta"):
                uniform(t, 3, 5)
            elif name.endswith("_running_mean"):
                uniform(t, -0.1, 0.1)
            elif name.endswith("_running_var"):
                uniform(t, 0.5, 1.5)
            elif name.endswith("_bias"):
                uniform(t, 6, 10) if "expand" in name else uniform(t, -0.1, 0.1)
            else:
                fan_in = t[0].numel()
                fan_out = t.shape[0] * t[0, 0].numel()
                bound = math.sqrt(6 / (fan_in + fan_out))
                uniform(t, -bound, bound)


def ordinary(model, seed):
    """Random weights as a run starts with: He for the backbone, Xavier for the rest."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, t in model.tensors().items():
            if name.endswith(("_gamma", "_running_var")):
                t.fill_(1)
            elif name.endswith(("_beta", "_running_mean", "_bias")):
                t.zero_()
            else:
                fan_out = t.shape[0] * t[0, 0].numel()
                fan_in = t[0].numel()
                std = math.sqrt(2 / fan_out) if "resnet" in name else math.sqrt(2 / (fan_in + fan_out))
                t.copy_(torch.randn(t.shape, generator=g) * std)
