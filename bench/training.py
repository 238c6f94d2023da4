#!/usr/bin/python3
"""The training step of conv64 side by side: ours, eager PyTorch, the machine's matrix products; one run, as a table.

usage: bench/training.py [BUILD] [--steps N] [--channels 1,3] [--batches 64,256] [--preload LIBRARY]
For each number of channels and batch: our step (one thread), what a matrix product of the same library and thread
reaches, the same step in eager PyTorch (python3-torch; left out where it cannot be imported), and two of ours at once,
one on each core. --preload puts another BLAS in front of eager PyTorch's, such as OpenBLAS's libblas.so.3: Debian's
default is the slow reference one.
"""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run(command, environment=None):
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **(environment or {})})
    return json.loads(done.stdout)


def both(command):
    """Two at once; the mean of their steps."""
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    times = [json.loads(process.communicate()[0])["ms_per_step"] for process in started]
    return sum(times) / len(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build/bench")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--channels", default="1,3")
    parser.add_argument("--batches", default="64,256")
    parser.add_argument("--preload")
    arguments = parser.parse_args()
    ours = os.path.join(arguments.build, "bench", "train_step")
    eager = subprocess.run([sys.executable, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode == 0
    if not eager:
        print("python3-torch cannot be imported: without its column", file=sys.stderr)
    environment = {"LD_PRELOAD": arguments.preload} if arguments.preload else None

    print("channels  batch  ours, ms  GFLOP/s  matrix product  share  two at once, ms  rate  eager, ms  ratio")
    for channels in arguments.channels.split(","):
        for batch in arguments.batches.split(","):
            size = ["--channels", channels, "--batch", batch, "--json"]
            steps = ["--steps", str(max(arguments.steps * 64 // int(batch), 4))]
            one = run([ours, *size, *steps, "--limits"])
            two = both([ours, *size, *steps])
            peer = run([sys.executable, os.path.join(HERE, "train_step_eager.py"), *size, "--steps", "4"], environment) \
                if eager else None
            print(f"{channels:>8}  {batch:>5}  {one['ms_per_step']:8.1f}  {one['gflops']:7.1f}  {one['matrix_gflops']:14.1f}  "
                  f"{one['share_of_matrix_rate']:5.2f}  {two:15.1f}  {2 * one['ms_per_step'] / two:4.2f}  "
                  + (f"{peer['ms_per_step']:9.1f}  {peer['ms_per_step'] / one['ms_per_step']:5.1f}" if peer else "        -      -"))


if __name__ == "__main__":
    main()
