#!/usr/bin/python3
"""Rendering and writing a whole dataset: offaxis against numpy and h5py at gzip 4, and against a memory copy, in one run.

usage: bench/render.py [BUILD] [--dataset NAME] [--peer-images N] [--repeat R]
Ours renders, hashes and writes the complete file. The other side writes the first N images: XYSquares rendered by a
numpy loop; dSprites and Shapes3D ready in memory, so that its rate there is an upper bound. Where BUILD has the benchmarks
(-DOFFAXIS_BENCH=ON), libdeflate at level 1 and SHA-256 over the same bytes, on all cores, say what is left to gain.
"""
import argparse
import json
import os
import resource
import subprocess
import tempfile
import time

import h5py
import numpy as np

BLOCK = 4096
SIDE, SQUARE, LEVELS = 64, 8, 8


def xysquares(first, count, spacing):
    offset = (SIDE - (SQUARE + (LEVELS - 1) * spacing)) // 2
    levels = np.stack(np.unravel_index(np.arange(first, first + count), (LEVELS,) * 6), axis=1)
    batch = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    for image, place in zip(batch, offset + spacing * levels):
        for channel in range(3):
            x, y = place[2 * channel], place[2 * channel + 1]
            image[y:y + SQUARE, x:x + SQUARE, channel] = 255
    return batch


def write_with_h5py(path, shape, batches):
    """Writes what `batches` yields; returns (images, seconds), making the batches included."""
    start, done = time.perf_counter(), 0
    with h5py.File(path, "w") as out:
        pixels = out.create_dataset("images", shape, "u1", chunks=(8, *shape[1:]), compression="gzip", compression_opts=4)
        for batch in batches:
            pixels[done:done + len(batch)] = batch
            done += len(batch)
    return done, time.perf_counter() - start


def copy_rate(array):
    """Bytes a second of a plain copy, best of three."""
    target, best = np.empty_like(array), float("inf")
    for _ in range(3):
        start = time.perf_counter()
        np.copyto(target, array)
        best = min(best, time.perf_counter() - start)
    return array.nbytes / best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build/release")
    parser.add_argument("--dataset", default="xysquares:spacing=1")
    parser.add_argument("--peer-images", type=int, default=16384)
    parser.add_argument("--repeat", type=int, default=2)
    arguments = parser.parse_args()
    program = os.path.join(arguments.build, "bin", "offaxis")
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as directory:
        a, b = os.path.join(directory, "a.h5"), os.path.join(directory, "b.h5")
        command = [program, "render", arguments.dataset, "--quiet", "--force", "-o", a]
        for _ in range(arguments.repeat):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            ours.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        with h5py.File(a) as file:
            images = file[file.attrs["images_key"].decode() if isinstance(file.attrs["images_key"], bytes)
                          else file.attrs["images_key"]]
            total, shape = len(images), (arguments.peer_images, *images.shape[1:])
            sample = images[:arguments.peer_images]
        firsts = range(0, arguments.peer_images, BLOCK)
        for _ in range(arguments.repeat):
            if arguments.dataset.startswith("xysquares"):
                spacing = int(arguments.dataset.partition("=")[2] or 8)
                batches = (xysquares(f, min(BLOCK, arguments.peer_images - f), spacing) for f in firsts)
            else:
                batches = (sample[f:f + BLOCK] for f in firsts)
            count, seconds = write_with_h5py(b, shape, batches)
            theirs.append(count / seconds)
        with h5py.File(b) as other:
            assert np.array_equal(other["images"][()], sample)
        size = os.path.getsize(a)
    raw = total * int(np.prod(shape[1:]))
    best, copy = min(ours), copy_rate(sample)
    rate = total / best
    print(f"{arguments.dataset}: {total} images, best of {arguments.repeat}, {os.cpu_count()} cores")
    print(f"  offaxis       {best:7.1f} s  {rate / 1e3:7.1f}k images/s  {size / 1e6:7.1f} MB, content root included, "
          f"peak memory {peak:.2f} GB")
    print(f"  numpy + h5py           {max(theirs) / 1e3:7.1f}k images/s, gzip 4")
    print(f"  memory copy            {copy / (raw / total) / 1e3:7.1f}k images/s, {copy / 1e9:.1f} GB/s on one core")
    limits = os.path.join(arguments.build, "bench", "write_limits")
    if os.path.exists(limits):
        rates = json.loads(subprocess.run([limits, arguments.dataset], check=True, stdout=subprocess.PIPE).stdout)["images_per_second"]
        print(f"  deflate, SHA-256       {rates['libdeflate_level_1'] / 1e3:7.1f}k, {rates['sha256'] / 1e3:.1f}k images/s; our compressor "
              f"{rates['our_compressor'] / 1e3:.1f}k; the slower of the first two is "
              f"{min(rates['libdeflate_level_1'], rates['sha256']) / rate:.1f} times offaxis")
    print(f"  offaxis is {rate / max(theirs):.1f} times numpy + h5py; a copy is {copy * best / raw:.1f} times offaxis")


if __name__ == "__main__":
    main()
