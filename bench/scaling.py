#!/usr/bin/python3
"""How time grows with images, threads, latents, batch and models side by side; a table for each, one run.

usage: bench/scaling.py [BUILD] [--psi PSI.h5]
Writing: XYSquares rendered (and, with --psi, a modified set emitted from its dataset) for parts of the grid and for one
and all threads. Training: conv64 steps on random images.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time


def seconds(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def table(title, head, rows):
    print(f"\n{title}\n  " + "  ".join(f"{name:>14}" for name in head))
    for row in rows:
        print("  " + "  ".join(f"{value:>14}" for value in row))


def writing(program, name, command, total):
    cores = os.cpu_count()
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out.h5")
        for threads in sorted({1, cores}):
            for part in (16, 4, 1):
                images = total // part
                spent = min(seconds([program, *command, "--indices", f"0:{images}", "--threads", str(threads), "-q", "--force",
                                     "-o", out]) for _ in range(2))
                rows.append((threads, images, f"{spent:.2f}", f"{images / spent / 1000:.1f}"))
    table(name, ("threads", "images", "seconds", "k images/s"), rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build/bench")
    parser.add_argument("--psi", help="made for shapes3d")
    arguments = parser.parse_args()
    program = os.path.join(arguments.build, "bin", "offaxis")
    train = os.path.join(arguments.build, "bench", "train_step")

    def step(**options):
        command = [train, "--json"]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["ms_per_step"]

    writing(program, "render xysquares:spacing=1", ["render", "xysquares", "--spacing", "1"], 8 ** 6)
    if arguments.psi:
        writing(program, "emit modified shapes3d", ["emit", "shapes3d", "--variant", "modified", "--psi", arguments.psi], 480000)

    table("one training step, batch 64, 3 channels, one thread", ("latents", "ms"),
          [(latents, f"{step(steps=12, latents=latents):.1f}") for latents in (6, 10, 32, 128)])
    rows = [(batch, time_, time_ / batch) for batch in (16, 32, 64, 128, 256)
            for time_ in (step(steps=max(768 // batch, 3), batch=batch),)]
    table("one training step, 10 latents, one thread", ("batch", "ms", "ms an image"),
          [(batch, f"{a:.1f}", f"{b:.2f}") for batch, a, b in rows])
    table("one training step, batch 64, threads inside one model", ("threads", "ms"),
          [(threads, f"{step(steps=12, threads=threads):.1f}") for threads in sorted({1, os.cpu_count()})])

    rows = []
    for models in range(1, os.cpu_count() + 2):  # one more than there are cores
        started = [subprocess.Popen([train, "--json", "--steps", "20"], stdout=subprocess.PIPE) for _ in range(models)]
        times = [json.loads(process.communicate()[0])["ms_per_step"] for process in started]
        rows.append((models, f"{sum(times) / models:.1f}", f"{sum(1000 / t for t in times):.2f}"))
    table("models side by side, batch 64, a thread each", ("models", "ms a step", "steps/s in all"), rows)


if __name__ == "__main__":
    main()
