# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0
"""Images a second of NVIDIA DALI's CPU pipeline doing the same work: bench_dali.py --data DIR

Development only: needs `pip install nvidia-dali-cuda120 numpy`. Prints images_per_second and
cpu_ms_per_image as `mlperf-ssd bench input --json` does.
"""
import argparse
import json
import math
import resource
import time

import nvidia.dali.fn as fn
import nvidia.dali.types as types
from nvidia.dali import pipeline_def

SCALES = (21, 45, 99, 153, 207, 261, 315)
MAPS = ((38, 8, (2,)), (19, 16, (2, 3)), (10, 32, (2, 3)), (5, 64, (2, 3)), (3, 100, (2,)), (1, 300, (2,)))


def anchors():
    out = []
    for k, (size, step, ratios) in enumerate(MAPS):
        s, q = SCALES[k], math.sqrt(SCALES[k] * SCALES[k + 1])
        shapes = [(s, s), (q, q)]
        for a in ratios:
            shapes += [(s * math.sqrt(a), s / math.sqrt(a)), (s / math.sqrt(a), s * math.sqrt(a))]
        for i in range(size):
            for j in range(size):
                for w, h in shapes:
                    cx, cy, w2, h2 = (min(max(v, 0), 300) / 300 for v in ((j + .5) * step, (i + .5) * step, w, h))
                    out += [cx - w2 / 2, cy - h2 / 2, cx + w2 / 2, cy + h2 / 2]
    return out


@pipeline_def
def training(data):
    jpeg, boxes, labels = fn.readers.coco(
        file_root=f"{data}/train2017", annotations_file=f"{data}/annotations/instances_train2017.json",
        skip_empty=True, ratio=True, ltrb=True, random_shuffle=True, name="reader")
    begin, size, boxes, labels = fn.random_bbox_crop(
        boxes, labels, aspect_ratio=[0.5, 2.0], thresholds=[0, 0.1, 0.3, 0.5, 0.7, 0.9], scaling=[0.3, 1.0],
        bbox_layout="xyXY", allow_no_crop=True, num_attempts=1)
    image = fn.decoders.image_slice(jpeg, begin, size, device="cpu", output_type=types.RGB)
    image = fn.resize(image, resize_x=300, resize_y=300, antialias=True)
    image = fn.hsv(image, saturation=fn.random.uniform(range=[0.5, 1.5]), hue=fn.random.uniform(range=[-0.5, 0.5]))
    image = fn.brightness_contrast(image, brightness=fn.random.uniform(range=[0.875, 1.125]),
                                   contrast=fn.random.uniform(range=[0.5, 1.5]))
    coin = fn.random.coin_flip(probability=0.5)
    image = fn.crop_mirror_normalize(image, mirror=coin, dtype=types.FLOAT, output_layout="HWC",
                                     mean=[255 * v for v in (0.485, 0.456, 0.406)],
                                     std=[255 * v for v in (0.229, 0.224, 0.225)])
    boxes = fn.bb_flip(boxes, ltrb=True, horizontal=coin)
    boxes, labels = fn.box_encoder(boxes, labels, criteria=0.5, anchors=anchors(), offset=True, scale=300,
                                   means=[0., 0., 0., 0.], stds=[0.1, 0.1, 0.2, 0.2])
    return image, boxes, labels


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", required=True)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=5)
    args = p.parse_args()
    pipe = training(args.data, batch_size=args.batch, num_threads=args.threads, device_id=None, seed=1)
    pipe.build()
    pipe.run()
    usage = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    start, cpu, images = time.perf_counter(), usage(), 0
    while time.perf_counter() - start < args.seconds:
        pipe.run()
        images += args.batch
    print(json.dumps({"images_per_second": images / (time.perf_counter() - start),
                      "cpu_ms_per_image": 1e3 * (usage() - cpu) / images}))


if __name__ == "__main__":
    main()
