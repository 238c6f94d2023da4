#!/usr/bin/python3
"""How time grows with images, threads, latents, batch and models side by side; a table for each, one run.

usage: bench/scaling.py [BUILD] [--psi PSI.h5] [--chart CHART.json]
Writing: XYSquares rendered (and, with --psi, a modified set emitted from its dataset) for parts of the grid and for one
and all threads. Training: conv64 steps on random images. --chart writes what `offaxis plot chart` draws: the cores' time
that the same work takes, over doublings; level lines scale, rising ones do not.
"""
import argparse
import json
import math
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


def line(name, colour, costs):
    """costs: pairs of how much and the cores' time for a unit of work."""
    start, cost = costs[0]
    return {"name": name, "points": [[math.log2(a / start), b / cost] for a, b in costs], "colour": colour, "dashed": False,
            "marked": True, "group": ""}


def chart(lines):
    return {"format": "offaxis-chart", "schema_version": 1, "kind": "lines",
            "title": "Cores' time for the same work, as there is more of it",
            "description": "Relative to the least of each: images (written by one thread), threads (that write them), images a batch, "
                           "latents, models side by side. What scales stays at 1.",
            "x_label": "doublings", "y_label": "times the cores' time", "logarithmic": False, "lines": lines, "bands": [],
            "rules": [{"at": 1, "name": "scales"}]}


def writing(program, name, command, total):
    cores = os.cpu_count()
    rows, costs = [], []
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out.h5")
        for threads in sorted({1, cores}):
            for part in (16, 4, 1):
                images = total // part
                spent = min(seconds([program, *command, "--indices", f"0:{images}", "--threads", str(threads), "-q", "--force",
                                     "-o", out]) for _ in range(2))
                rows.append((threads, images, f"{spent:.2f}", f"{images / spent / 1000:.1f}"))
                costs.append((threads, images, spent * threads / images))
    table(name, ("threads", "images", "seconds", "k images/s"), rows)
    return costs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build/bench")
    parser.add_argument("--psi", help="made for shapes3d")
    parser.add_argument("--chart", help="a new JSON file")
    arguments = parser.parse_args()
    if arguments.chart and os.path.exists(arguments.chart):  # said before minutes of measuring, not after
        parser.error(f"{arguments.chart} exists already: name a new file")
    program = os.path.join(arguments.build, "bin", "offaxis")
    train = os.path.join(arguments.build, "bench", "train_step")

    def step(**options):
        command = [train, "--json"]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["ms_per_step"]

    written = writing(program, "render xysquares:spacing=1", ["render", "xysquares", "--spacing", "1"], 8 ** 6)
    if arguments.psi:
        writing(program, "emit modified shapes3d", ["emit", "shapes3d", "--variant", "modified", "--psi", arguments.psi], 480000)

    by_latents = [(latents, step(steps=12, latents=latents)) for latents in (6, 10, 32, 128)]
    table("one training step, batch 64, 3 channels, one thread", ("latents", "ms"), [(n, f"{ms:.1f}") for n, ms in by_latents])
    by_batch = [(batch, step(steps=max(768 // batch, 3), batch=batch)) for batch in (16, 32, 64, 128, 256)]
    table("one training step, 10 latents, one thread", ("batch", "ms", "ms an image"),
          [(batch, f"{ms:.1f}", f"{ms / batch:.2f}") for batch, ms in by_batch])
    cores = os.cpu_count()
    by_models = []
    for models in range(1, cores + 2):  # one more than there are cores
        started = [subprocess.Popen([train, "--json", "--steps", "20"], stdout=subprocess.PIPE) for _ in range(models)]
        times = [json.loads(process.communicate()[0])["ms_per_step"] for process in started]
        by_models.append((models, sum(times) / models, sum(1000 / t for t in times)))
    table("models side by side, batch 64, a thread each", ("models", "ms a step", "steps/s in all"),
          [(models, f"{ms:.1f}", f"{rate:.2f}") for models, ms, rate in by_models])

    if arguments.chart:
        most = max(images for _, images, _ in written)
        lines = [line("images", 0, [(n, cost) for threads, n, cost in written if threads == 1]),
                 line("writing threads", 1, [(threads, cost) for threads, n, cost in written if n == most]),
                 line("batch", 2, [(n, ms / n) for n, ms in by_batch]),
                 line("latents", 3, by_latents),
                 line("models", 4, [(n, min(n, cores) / rate) for n, _, rate in by_models])]
        with open(arguments.chart, "x") as file:
            json.dump(chart(lines), file, indent=1)


if __name__ == "__main__":
    main()
