#!/usr/bin/env python3
# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0
"""COCO box AP by hotcoco 1.3.0: pip install hotcoco==1.3.0 numpy.

Times loading and scoring, without the interpreter's start and imports; memory is the process's.
"""

import argparse
import json
import os
import resource
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", required=True)
    parser.add_argument("--detections", required=True)
    parser.add_argument("--threads", type=int, default=0, help="0 = as it likes")
    args = parser.parse_args()
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
