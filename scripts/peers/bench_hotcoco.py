#!/usr/bin/env python3
# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0
"""COCO box AP by hotcoco: bench_hotcoco.py --annotations FILE --detections FILE [--threads N]

Development only: needs `pip install hotcoco==1.3.0 numpy`. Times loading and scoring without the
interpreter's start and imports; memory is the process's. --make writes the two files first: 5,000
images, 36,781 objects, 1,000,000 detections, always the same.
"""
import argparse
import json
import os
import random
import resource
import time

IMAGES, OBJECTS, DETECTIONS, CATEGORIES = 5000, 36781, 1000000, 80


def make(annotations, detections):
    r = random.Random(1)
    images = sorted(r.sample(range(600000), IMAGES))
    ids = list(range(1, CATEGORIES + 1))
    weights = [1 / k for k in ids]  # a few frequent ones, many rare ones
    objects, of_image = [], {i: [] for i in images}
    for i, category in enumerate(r.choices(ids, weights, k=OBJECTS)):
        image, w, h = r.choice(images), r.uniform(4, 200), r.uniform(4, 200)
        box = [round(v, 2) for v in (r.uniform(0, 500), r.uniform(0, 400), w, h)]
        objects.append({"id": i + 1, "image_id": image, "category_id": category, "bbox": box,
                        "area": round(0.7 * w * h, 3), "iscrowd": int(r.random() < 0.012)})
        of_image[image].append(objects[-1])
    with open(annotations, "w") as f:
        json.dump({"images": [{"id": i, "width": 640, "height": 480, "file_name": "a"} for i in images],
                   "annotations": objects, "categories": [{"id": k, "name": str(k)} for k in ids]}, f)
    found = []
    for n, category in enumerate(r.choices(ids, weights, k=DETECTIONS)):
        image = images[n * IMAGES // DETECTIONS]
        score = r.random() ** 2
        box = [r.uniform(0, 500), r.uniform(0, 400), r.uniform(4, 200), r.uniform(4, 200)]
        if of_image[image] and r.random() < 0.3:  # near an object
            o, j, score = r.choice(of_image[image]), r.choice([0.05, 0.15, 0.3]), r.random()
            (x, y, w, h), category = o["bbox"], o["category_id"]
            box = [x + r.uniform(-j, j) * w, y + r.uniform(-j, j) * h,
                   w * (1 + r.uniform(-j, j)), h * (1 + r.uniform(-j, j))]
        found.append({"image_id": image, "category_id": category, "bbox": [round(v, 2) for v in box],
                      "score": round(score, 6)})
    with open(detections, "w") as f:
        json.dump(found, f)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", required=True)
    parser.add_argument("--detections", required=True)
    parser.add_argument("--threads", type=int, default=0, help="0 = as it likes")
    parser.add_argument("--make", action="store_true")
    args = parser.parse_args()
    if args.make:
        make(args.annotations, args.detections)
        return
    if args.threads > 0:
        os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    import hotcoco

    wall, cpu = time.perf_counter(), time.process_time()
    truth = hotcoco.COCO(args.annotations)
    evaluation = hotcoco.COCOeval(truth, truth.load_res(args.detections), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    stdout = os.dup(1)
    os.dup2(2, 1)  # its table
    evaluation.summarize()
    os.dup2(stdout, 1)
    print(json.dumps({
        "stats": list(evaluation.stats),
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
