# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0
"""Images a second of PyTorch on the same network: bench_torch.py train|infer [--batch 32] [--steps 5]

Its best settings on CPU: channels_last, bf16 autocast, torch.compile for inference. Preload jemalloc
from outside (LD_PRELOAD) for its best training figure.
"""
import argparse
import json
import statistics
import time

import torch

import ssd_torch as ssd


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["train", "infer"])
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--steps", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--precision", choices=["bf16", "f32"], default="bf16")
    p.add_argument("--compile", action="store_true")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    model = ssd.SSD()
    ssd.ordinary(model, 1)
    model = model.to(memory_format=torch.channels_last)
    image = torch.randn(args.batch, 3, 300, 300).to(memory_format=torch.channels_last)
    label = torch.zeros(args.batch, ssd.BOXES, dtype=torch.int32)
    label[:, ::100] = 7
    offset = torch.randn(args.batch, ssd.BOXES, 4)
    cast = lambda: torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bf16")
    if args.what == "train":
        model.train()
        opt = torch.optim.SGD(model.parameters(), 1e-4, 0.9, weight_decay=5e-4)

        def once():
            opt.zero_grad(set_to_none=True)
            with cast():
                s, o = model(image)
            ssd.loss_of(s.float(), o.float(), label, offset).backward()
            opt.step()
    else:
        model.eval()
        run = torch.compile(model) if args.compile else model

        def once():
            with torch.no_grad(), cast():
                run(image)
    for _ in range(2):
        once()
    times = []
    for _ in range(args.steps):
        t = time.perf_counter()
        once()
        times.append(time.perf_counter() - t)
    print(json.dumps({"images_per_second": args.batch / statistics.median(times),
                      "step_ms": [round(1e3 * t, 1) for t in times]}))


if __name__ == "__main__":
    main()
