#!/usr/bin/python3
"""Reading single images of dSprites by h5py: from our file, and from one chunked like the original's, in one run.

usage: bench/random_access.py [BUILD]
The original's chunks of (23040, 2, 4) spread one image over 512 chunks; two of its 32 bands are enough to time them.
"""
import os
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

BAND, BANDS = 23040, 2
OURS, THEIRS = 2000, 20  # images read


def per_image(path, rows):
    with h5py.File(path) as file:
        images = file["imgs"]
        start = time.perf_counter()
        read = [images[row] for row in rows]
        return (time.perf_counter() - start) / len(rows), read


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build/release"
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as directory:
        ours, original = os.path.join(directory, "ours.h5"), os.path.join(directory, "original.h5")
        subprocess.run([os.path.join(build, "bin", "offaxis"), "render", "dsprites", "--quiet", "-o", ours], check=True,
                       stdout=subprocess.DEVNULL)
        with h5py.File(ours) as source, h5py.File(original, "w") as out:
            total = len(source["imgs"])
            out.create_dataset("imgs", data=source["imgs"][:BAND * BANDS], chunks=(BAND, 2, 4), compression="gzip")
        few = np.sort(random.integers(0, BAND * BANDS, THEIRS))
        random.shuffle(few)
        fast, a = per_image(ours, few)
        slow, b = per_image(original, few)
        assert all(np.array_equal(x, y) for x, y in zip(a, b))
        fast, _ = per_image(ours, random.integers(0, total, OURS))
    print(f"one image of dSprites, {OURS} reads of ours, {THEIRS} of the original's chunks")
    print(f"  ours                 {fast * 1e3:8.3f} ms")
    print(f"  chunks (23040,2,4)   {slow * 1e3:8.3f} ms")
    print(f"  ratio                {slow / fast:8.0f}")


if __name__ == "__main__":
    main()
