# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0
"""Compares `mlperf-ssd step` with PyTorch in f64: parity.py [--binary bin/mlperf-ssd] [--batch 2] [--seed 1]

Prints the distance (norm of the difference over norm of the f64 value) of outputs, loss, gradients and
parameters after one update, beside PyTorch's own f32 and bf16 distances.
"""
import argparse
import copy
import statistics
import subprocess
import tempfile

import torch
from safetensors.torch import load_file, save_file

import ssd_torch as ssd

LR, DECAY = 0.01, 5e-4


def step(model, image, label, offset, dtype, train, autocast=False):
    model = copy.deepcopy(model).to(dtype)
    model.train(train)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        scores, offsets = model(image.to(dtype))
    out = {"scores": scores, "offsets": offsets}
    if train:
        work = torch.float32 if autocast else dtype
        loss = ssd.loss_of(scores.to(work), offsets.to(work), label, offset.to(work))
        loss.backward()
        out["loss"] = loss.reshape(1)
        for name, t in model.tensors().items():
            if t.grad is not None:
                out["grad." + name] = t.grad
                with torch.no_grad():
                    out["param." + name] = t - LR * (t.grad + DECAY * t)
            else:
                out[name] = t
    return {k: v.detach().double() for k, v in out.items()}


def distance(got, want):
    return float((got.double() - want).norm() / want.norm().clamp_min(1e-300))


def report(title, want, columns):
    print(title)
    groups = [("scores", ["scores"]), ("offsets", ["offsets"]), ("loss", ["loss"]),
              ("gradients", [k for k in want if k.startswith("grad.")]),
              ("parameters", [k for k in want if k.startswith("param.")]),
              ("running statistics", [k for k in want if "_running_" in k])]
    for group, keys in groups:
        keys = [k for k in keys if k in want]
        if not keys:
            continue
        cells = []
        for name, got in columns.items():
            d = {k: distance(got[k], want[k]) for k in keys if k in got}
            if not d:
                continue
            worst = max(d, key=d.get)
            cells.append(f"{name} median {statistics.median(d.values()):.2e} max {d[worst]:.2e}"
                         + (f" ({worst})" if len(d) > 1 else ""))
        print(f"  {group:18s} " + "; ".join(cells))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--binary", default="bin/mlperf-ssd")
    p.add_argument("--batch", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", choices=["well", "ordinary"])
    p.add_argument("--positives", type=int, default=40, help="an image; from 2183 on every negative is selected")
    args = p.parse_args()
    torch.manual_seed(args.seed)
    image = torch.randn(args.batch, 3, 300, 300)
    count = [3 + i for i in range(args.batch)]
    wh = torch.rand(sum(count), 2) * 0.5 + 0.1
    xy = torch.rand(sum(count), 2) * (1 - wh)
    inputs = {"image": image, "boxes": torch.cat([xy, xy + wh], 1),
              "labels": torch.randint(1, 81, (sum(count),), dtype=torch.int32),
              "counts": torch.tensor(count, dtype=torch.int32)}
    with tempfile.TemporaryDirectory() as tmp:
        for kind, init in (("well", ssd.well_conditioned), ("ordinary", ssd.ordinary)):
            if args.only and args.only != kind:
                continue
            model = ssd.SSD()
            init(model, args.seed)
            save_file({k: v.detach().contiguous() for k, v in model.tensors().items()}, f"{tmp}/w")
            # Targets are random too: the oracle tests the step, not the matcher.
            label = torch.zeros(args.batch, ssd.BOXES, dtype=torch.int32)
            offset = torch.zeros(args.batch, ssd.BOXES, 4)
            for i in range(args.batch):
                where = torch.randperm(ssd.BOXES)[:args.positives]
                label[i, where] = torch.randint(1, 81, (args.positives,), dtype=torch.int32)
                offset[i, where] = torch.randn(args.positives, 4)
            save_file({"image": image, "label": label, "offset": offset}, f"{tmp}/in")

            def ours(precision, mode):
                subprocess.run([args.binary, "step", "--weights", f"{tmp}/w", "--input", f"{tmp}/in",
                                "--output", f"{tmp}/out", "--precision", precision, "--mode", mode]
                               + (["--update", "--lr", str(LR), "--weight-decay", str(DECAY)] if mode == "train" else []),
                               check=True)
                return load_file(f"{tmp}/out")

            for train in (True, False):
                mode = "train" if train else "eval"
                want = step(model, image, label, offset, torch.float64, train)
                report(f"{kind}, {mode}", want, {
                    "f32 ours": ours("f32", mode), "f32 torch": step(model, image, label, offset, torch.float32, train),
                    "bf16 ours": ours("bf16", mode),
                    "bf16 torch": step(model, image, label, offset, torch.float32, train, autocast=True)})


if __name__ == "__main__":
    main()
