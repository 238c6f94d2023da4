#!/usr/bin/python3
"""How close a rendered dSprites or Shapes3D comes to genuine sample images: figures, and a picture of both.

usage: datasets/compare.py RENDERED.h5 SAMPLES.npz [-o PICTURE.png]
RENDERED.h5 is the whole set as `offaxis render` writes it. The samples of Shapes3D carry unreliable labels of wall,
scale and orientation: each is compared with the rendering nearest to it over these three.
"""
import argparse
import itertools
import struct
import zlib

import h5py
import numpy as np

HUES = np.array([[5, 0, 0], [5, 3, 0], [4, 5, 0], [1, 5, 0], [0, 5, 2], [0, 5, 5], [0, 2, 5], [1, 0, 5], [4, 0, 5],
                 [5, 0, 3]]) / 5
SKY = np.array([153, 226, 249])


def write_png(path, image):
    height, width, _ = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
                  + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def regions(image, floor, wall, thing):
    """Per pixel 0 sky, 1 floor, 2 wall, 3 object where its colour fits exactly one of them, -1 elsewhere."""
    pixels = image.reshape(-1, 3).astype(float)
    fits = [np.abs(pixels - SKY).max(1) < 3]
    for hue in (floor, wall, thing):
        colour = HUES[hue]
        best = np.full(len(pixels), np.inf)
        for light, gloss in itertools.product(np.linspace(.25, 1.3, 43), (0, .13) if hue == thing else (0,)):
            best = np.minimum(best, np.abs(pixels - 255 * np.minimum(1, colour * light + gloss)).max(1))
        fits.append(best < 6)
    fits = np.array(fits)
    return np.where(fits.sum(0) == 1, fits.argmax(0), -1)


def compare_shapes3d(images, samples, classes):
    errors, agree, labelled, relabelled, pairs = [], 0, 0, 0, []
    for sample, levels in zip(samples, classes):
        floor, _, thing, _, shape, _ = levels
        candidates = []
        for wall in range(10):
            first = ((floor * 10 + wall) * 10 + thing) * 480
            block = images[first:first + 480].reshape(8, 4, 15, 64, 64, 3)[:, shape]
            error = np.abs(block.astype(np.int16) - sample).mean((2, 3, 4))
            at = np.unravel_index(error.argmin(), error.shape)
            candidates.append((error[at], wall, block[at], at))
        error, wall, ours, at = min(candidates, key=lambda c: c[0])
        relabelled += (wall, *at) != tuple(levels[[1, 3, 5]])
        errors.append(error)
        a, b = regions(sample, floor, wall, thing), regions(ours, floor, wall, thing)
        both = (a >= 0) & (b >= 0)
        agree, labelled = agree + (a == b)[both].sum(), labelled + both.sum()
        pairs.append((sample, ours))
    errors = np.array(errors)
    order = np.lexsort((classes[:, 5], classes[:, 3], classes[:, 4]))  # every other one was fitted to
    print(f"{len(samples)} samples: mean absolute error {np.mean(errors):.2f} levels of 255 (largest {max(errors):.2f}; fitted half "
          f"{errors[order[::2]].mean():.2f}, held half {errors[order[1::2]].mean():.2f}); "
          f"{labelled - agree} of {labelled} pixels whose colour names one region lie in another; "
          f"{relabelled} labels name another wall, scale or orientation than the nearest image")
    return pairs


def compare_dsprites(images, samples, classes):
    sizes = (1, 3, 6, 40, 32, 32)
    pairs = [(sample, images[np.ravel_multi_index(levels, sizes)]) for sample, levels in zip(samples, classes)]
    print(f"{len(pairs)} samples: {sum((a != b).sum() for a, b in pairs)} pixels differ")
    return [tuple(np.repeat(255 * image[..., None], 3, axis=2) for image in pair) for pair in pairs]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rendered")
    parser.add_argument("samples")
    parser.add_argument("-o", "--picture")
    arguments = parser.parse_args()
    samples = np.load(arguments.samples, allow_pickle=False)
    with h5py.File(arguments.rendered) as file:
        if "imgs" in file:
            pairs = compare_dsprites(file["imgs"], samples["imgs"], samples["latents_classes"])
        else:
            pairs = compare_shapes3d(file["images"], samples["images"], samples["label_classes"])
    if arguments.picture:
        chosen = [pairs[i] for i in np.linspace(0, len(pairs) - 1, 10).astype(int)]
        rows = [np.hstack([np.pad(pair[k], ((1, 1), (1, 1), (0, 0)), constant_values=255) for pair in chosen])
                for k in (0, 1)]
        write_png(arguments.picture, np.ascontiguousarray(np.vstack(rows).repeat(2, 0).repeat(2, 1), np.uint8))


if __name__ == "__main__":
    main()
