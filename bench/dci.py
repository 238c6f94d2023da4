#!/usr/bin/python3
"""DCI of ten codes of Shapes3D's factor sizes: ours against scikit-learn's GradientBoostingClassifier, in one run.

usage: bench/dci.py [PROGRAM] [--train N] [--test N] [--threads T] [--repeat R]
PROGRAM is what bench/score.cpp builds. Both sides score the same codes by the same definition, from arrays in memory.
scikit-learn grows one tree at a time, so that its threads are processes that share the factors out, longest first; its
start-up is not timed. Ours is the best of R runs. CPU seconds, of all threads, are what a busy machine does not change.
"""
import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import scipy.stats
from sklearn.ensemble import GradientBoostingClassifier

SIZES = [10, 10, 10, 8, 4, 15]
LATENTS = 10


def sample(count, generator):
    """Six latents that each show one factor, most of it, four that show nothing; float32, as encoders give them."""
    factors = np.stack([generator.integers(size, size=count) for size in SIZES], axis=1)
    scaled = (factors - factors.mean(0)) / factors.std(0)
    codes = 0.5 * generator.standard_normal((count, LATENTS))
    codes[:, :6] += scaled + 0.3 * np.roll(scaled, 1, axis=1)
    return codes.astype(np.float32), factors


def model_of(job):
    train, test, factor = job
    start = time.process_time()
    model = GradientBoostingClassifier(random_state=0).fit(train[0], train[1][:, factor])
    accuracy = np.mean(model.predict(test[0]) == test[1][:, factor])
    return model.feature_importances_, accuracy, time.process_time() - start


def ours(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    run["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime  # reading the files included
    return run


def theirs(train, test, threads):
    order = sorted(range(len(SIZES)), key=lambda factor: -SIZES[factor])
    with ProcessPoolExecutor(threads) as pool:
        list(pool.map(abs, range(4 * threads)))
        start = time.perf_counter()
        models = dict(zip(order, pool.map(model_of, [(train, test, factor) for factor in order])))
        seconds = time.perf_counter() - start
    r = np.stack([models[factor][0] for factor in range(len(SIZES))], axis=1)
    d = (1 - scipy.stats.entropy(r.T + 1e-11, base=r.shape[1])) @ r.sum(1) / r.sum()
    c = np.mean(1 - scipy.stats.entropy(r + 1e-11, base=r.shape[0]))
    return {"seconds": seconds, "cpu": sum(model[2] for model in models.values()), "disentanglement": d,
            "completeness": c, "informativeness": np.mean([model[1] for model in models.values()])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default="build/bench/bench/score")
    parser.add_argument("--train", type=int, default=10000)
    parser.add_argument("--test", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    train, test = sample(arguments.train, generator), sample(arguments.test, generator)
    with tempfile.TemporaryDirectory() as directory:
        files = [os.path.join(directory, name) for name in ("train.npz", "test.npz")]
        for file, (codes, factors) in zip(files, (train, test)):
            np.savez(file, codes=codes, factors=factors)
        command = [arguments.program, "dci", *files, "--threads", str(arguments.threads)]
        runs = [ours(command) for _ in range(arguments.repeat)]
    best, other = min(runs, key=lambda run: run["seconds"]), theirs(train, test, arguments.threads)
    print(f"{arguments.train} codes of {LATENTS} latents, factors {SIZES}, {arguments.test} to test; "
          f"{arguments.threads} threads, {os.cpu_count()} cores")
    for name, run in (("offaxis", best), ("scikit-learn", other)):
        print(f"  {name:13s}{run['seconds']:8.2f} s, CPU {run['cpu']:8.2f} s   D {run['disentanglement']:.4f}  C {run['completeness']:.4f}  "
              f"I {run['informativeness']:.4f}")
    print(f"  offaxis is {other['seconds'] / best['seconds']:.1f} times as fast, in CPU seconds "
          f"{other['cpu'] / best['cpu']:.1f} times; its runs: {', '.join('%.2f' % run['seconds'] for run in runs)} s")


if __name__ == "__main__":
    main()
