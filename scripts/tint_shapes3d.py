#!/usr/bin/python3
"""Writes a hand-made perturbation of Shapes3D, at any size: regions tinted with the hues of other regions.

usage: offaxis render shapes3d:size=32 -o s32.h5 && scripts/tint_shapes3d.py NAME s32.h5 OUT.h5 [EPS]
NAME says whose hue tints which region (docs/manipulation.md):
  tint   walls with the floor's, floor with the walls'
  tint3  every region with half of each of the other two
  cyc    walls with the floor's, floor with the object's, object with the walls'
  self   every region with its own: the same budget, no mixing
  perm   as cyc, of a random image of the set: the same patterns, saying nothing about the image
A hue's tint is EPS (0.175) times twice its RGB minus 1, so that its strength follows the cosine and sine of the hue.
Not a variant of the program: it shows what psi has to find, and needs h5py.
"""
import colorsys
import shutil
import sys

import h5py
import numpy as np

GEOMETRIES = 480  # scale, shape and orientation, the last three factors: images of one colouring lie together
FLOOR, WALL, OBJECT = 48000, 4800, 480  # rows from one level to the next


def regions(images):
    """How much of each pixel is floor, wall and object, from what a change of hue by three levels does; [3, H, W, 1]."""
    first = images[:GEOMETRIES].astype(np.float64)
    changes = [np.abs(images[3 * step:3 * step + GEOMETRIES] - first).sum(-1).mean(0) for step in (FLOOR, WALL, OBJECT)]
    return np.stack(changes)[..., None] / (np.sum(changes, axis=0)[..., None] + 1e-6)


def main():
    name, source, target = sys.argv[1:4]
    budget = int(255 * float(sys.argv[4] if len(sys.argv) > 4 else 0.175))
    colours = np.array([[2 * v - 1 for v in colorsys.hsv_to_rgb(h / 10, 1, 1)] for h in range(10)])
    shutil.copy(source, target)
    random = np.random.default_rng(0)
    with h5py.File(target, "r+") as file:
        images = file["images"]
        floor, wall, thing = regions(images)
        tints = {
            "tint": lambda f, w, o: wall * f + floor * w,
            "tint3": lambda f, w, o: wall * (f + o) / 2 + floor * (w + o) / 2 + thing * (f + w) / 2,
            "cyc": lambda f, w, o: wall * f + floor * o + thing * w,
            "self": lambda f, w, o: wall * w + floor * f + thing * o,
        }
        tints["perm"] = tints["cyc"]
        for first in range(0, len(images), GEOMETRIES):
            f, w, o = first // FLOOR % 10, first // WALL % 10, first // OBJECT % 10
            if name == "perm":
                f, w, o = (random.integers(0, 10, GEOMETRIES) for _ in range(3))
            f, w, o = (colours[hue] if np.isscalar(hue) else colours[hue][:, None, None] for hue in (f, w, o))
            delta = np.rint(np.clip(budget * tints[name](f, w, o), -budget, budget)).astype(np.int16)
            block = images[first:first + GEOMETRIES].astype(np.int16)
            images[first:first + GEOMETRIES] = np.clip(block + delta, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
