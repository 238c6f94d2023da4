#!/usr/bin/python3
"""Rendering and writing all of XYSquares: offaxis against a numpy loop with h5py at gzip 4, in one run.

usage: bench/render.py [BUILD] [--spacing S] [--images N] [--repeat R]
Both sides render the same images and write a complete file; ours hashes the content as well.
"""
import argparse
import os
import resource
import subprocess
import tempfile
import time

import h5py
import numpy as np

SIDE, SQUARE, LEVELS = 64, 8, 8


def numpy_side(path, spacing, images):
    offset = (SIDE - (SQUARE + (LEVELS - 1) * spacing)) // 2
    block = 4096
    with h5py.File(path, "w") as out:
        pixels = out.create_dataset("images", (images, SIDE, SIDE, 3), "u1", chunks=(8, SIDE, SIDE, 3),
                                    compression="gzip", compression_opts=4)
        labels = out.create_dataset("labels", (images, 6), "f8", compression="gzip")
        for first in range(0, images, block):
            indices = np.arange(first, min(first + block, images))
            levels = np.stack(np.unravel_index(indices, (LEVELS,) * 6), axis=1)
            batch = np.zeros((len(indices), SIDE, SIDE, 3), np.uint8)
            for image, place in zip(batch, offset + spacing * levels):
                for channel in range(3):
                    x, y = place[2 * channel], place[2 * channel + 1]
                    image[y:y + SQUARE, x:x + SQUARE, channel] = 255
            pixels[first:first + len(indices)] = batch
            labels[first:first + len(indices)] = levels


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", nargs="?", default="build/release")
    parser.add_argument("--spacing", type=int, default=1)
    parser.add_argument("--images", type=int, default=LEVELS**6)
    parser.add_argument("--repeat", type=int, default=2)
    arguments = parser.parse_args()
    program = os.path.join(arguments.build, "bin", "offaxis")
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as directory:
        a, b = os.path.join(directory, "a.h5"), os.path.join(directory, "b.h5")
        command = [program, "render", f"xysquares:spacing={arguments.spacing}", "--indices", f"0:{arguments.images}",
                   "--quiet", "--force", "-o", a]
        for _ in range(arguments.repeat):
            ours.append(timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)))
            theirs.append(timed(lambda: numpy_side(b, arguments.spacing, arguments.images)))
        with h5py.File(a) as one, h5py.File(b) as two:
            for first in range(0, arguments.images, 4096):
                assert np.array_equal(one["images"][first:first + 4096], two["images"][first:first + 4096])
            assert np.array_equal(one["labels"][()], two["labels"][()])
        sizes = os.path.getsize(a), os.path.getsize(b)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    best, other = min(ours), min(theirs)
    print(f"{arguments.images} images, best of {arguments.repeat}, {os.cpu_count()} cores")
    print(f"  offaxis       {best:7.1f} s  {arguments.images / best / 1e3:7.1f}k images/s  {sizes[0] / 1e6:7.1f} MB, "
          f"content root included, peak memory {peak:.2f} GB")
    print(f"  numpy + h5py  {other:7.1f} s  {arguments.images / other / 1e3:7.1f}k images/s  {sizes[1] / 1e6:7.1f} MB, gzip 4")
    print(f"  ratio         {other / best:7.1f}")


if __name__ == "__main__":
    main()
