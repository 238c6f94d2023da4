#!/usr/bin/python3
"""MIG of ten codes of Shapes3D's factor sizes: ours against numpy and scikit-learn, in one run.

usage: bench/mig.py [PROGRAM] [--count N] [--repeat R]
PROGRAM is what bench/score.cpp builds. The other side bins with numpy and takes scikit-learn's mutual_info_score of
every latent and factor, as the field's common evaluation library does. Both score the same codes from arrays in
memory, on one thread; each is the best of its runs.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

import numpy as np
from sklearn.metrics import mutual_info_score

from dci import LATENTS, SIZES, sample

BINS = 20


def theirs(codes, factors):
    bins = np.zeros(codes.shape, dtype=np.int64)
    for latent in range(codes.shape[1]):
        bins[:, latent] = np.digitize(codes[:, latent], np.histogram(codes[:, latent], BINS)[1][:-1])
    information = np.zeros((codes.shape[1], factors.shape[1]))
    for latent in range(codes.shape[1]):
        for factor in range(factors.shape[1]):
            information[latent, factor] = mutual_info_score(factors[:, factor], bins[:, latent])
    entropy = np.array([mutual_info_score(factor, factor) for factor in factors.T])
    ordered = np.sort(information, axis=0)[::-1]
    return float(np.mean((ordered[0] - ordered[1]) / entropy))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default="build/bench/bench/score")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    codes, factors = sample(arguments.count, np.random.default_rng(0))
    codes = codes.astype(np.float64)
    with tempfile.TemporaryDirectory() as directory:
        file = os.path.join(directory, "codes.npz")
        np.savez(file, codes=codes, factors=factors)
        ours = json.loads(subprocess.run([arguments.program, "mig", file, "--threads", "1"], check=True,
                                         stdout=subprocess.PIPE).stdout)
    seconds = []
    for _ in range(arguments.repeat):
        start = time.perf_counter()
        value = theirs(codes, factors)
        seconds.append(time.perf_counter() - start)
    print(f"{arguments.count} codes of {LATENTS} latents, factors {SIZES}")
    print(f"  offaxis              {1e3 * ours['seconds']:9.3f} ms   MIG {ours['mig']:.9f}")
    print(f"  numpy, scikit-learn  {1e3 * min(seconds):9.3f} ms   MIG {value:.9f}")
    print(f"  offaxis is {min(seconds) / ours['seconds']:.1f} times as fast; the scores differ by {abs(value - ours['mig']):.1e}")


if __name__ == "__main__":
    main()
