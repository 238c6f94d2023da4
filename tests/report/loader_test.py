"""Runs the Python that a page of `offaxis report` prints, and the README's, as they are printed. usage: loader_test.py OFFAXIS"""
import html
import os
import re
import subprocess
import sys
import tempfile

try:
    import h5py  # noqa: F401
except ImportError:
    print("python3-h5py is not installed")
    sys.exit(77)

offaxis = sys.argv[1]


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


def snippet(page, name):
    found = re.search(r'<code id="%s" data-language="python">(.*?)</code>' % name, page, re.S)
    assert found, f"the page has no {name}"
    return html.unescape(found.group(1))


def python(text, directory):
    with open(os.path.join(directory, "printed.py"), "w") as out:
        out.write(text)
    return run(sys.executable, "printed.py", cwd=directory)


# Without PyTorch a class is held against stand-ins: h5py's half of it still runs.
STAND_IN = '''
import numpy, sys, types
class Tensor(numpy.ndarray):
    def float(self): return self.astype(numpy.float32)
    def permute(self, *axes): return self.transpose(axes)
torch, data = types.ModuleType("torch"), types.SimpleNamespace()
torch.from_numpy = lambda array: array.view(Tensor) if array.ndim else array
data.Dataset = object
class DataLoader:
    def __init__(self, dataset, batch_size, **more): self.dataset, self.size = dataset, batch_size
    def __iter__(self):
        items = [self.dataset[i] for i in range(min(self.size, len(self.dataset)))]
        yield numpy.stack([image for image, _ in items]), numpy.stack([label for _, label in items])
data.DataLoader = DataLoader
torch.utils = types.SimpleNamespace(data=data)
sys.modules["torch"] = torch
'''


def with_torch(text):
    try:
        import torch  # noqa: F401
    except ImportError:
        return STAND_IN + text
    return text


for source, shape, labels in (("xysquares:spacing=1", "(256, 64, 64, 3)", "(256, 6)"), ("dsprites", "(256, 64, 64)", "(256, 6)")):
    with tempfile.TemporaryDirectory() as directory:
        run(offaxis, "emit", source, "--variant", "noise", "--eps", "0.1", "--seed", "3", "--indices", "0:256",
            "-o", "noise.h5", cwd=directory)
        run(offaxis, "publish", "noise.h5", "--name", "tiny", "--version", "1.0.0", "--allow-dirty", "-o", ".", cwd=directory)
        run(offaxis, "report", "tiny/1.0.0", "-o", "page.html", cwd=directory)
        with open(os.path.join(directory, "page.html"), encoding="utf-8") as file:
            page = file.read()
        assert "Paths are those below tiny/1.0.0." in page
        version = os.path.join(directory, "tiny/1.0.0")
        said = python(snippet(page, "load-h5py"), version)
        assert said.startswith(f"{shape} uint8 {labels} float64\n"), said
        assert "noise" in said, said
        torch_text = snippet(page, "load-pytorch")
        compile(torch_text, "load-pytorch", "exec")
        torch_text = with_torch(torch_text)
        said = python(torch_text, version)
        channels = "3" if source.startswith("xy") else "1"
        assert said.startswith(f"(64, {channels}, 64, 64) float32") or said.startswith(
            f"torch.Size([64, {channels}, 64, 64]) torch.float32"), said

readme = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../README.md")
with open(readme, encoding="utf-8") as file:
    printed = re.search(r"```python\n(.*?)```", file.read(), re.S).group(1)
shown = "images, labels = next(iter(loader))\nprint(tuple(images.shape), images.min().item(), images.max().item(), tuple(labels.shape))\n"
for verb, source, images in (("render", "dsprites", "(64, 1, 64, 64) 0.0 1.0"), ("emit", "dsprites+noise:eps=0.1", "(64, 1, 64, 64) 0.0 1.0"),
                             ("render", "xysquares", "(64, 3, 64, 64) 0.0 1.0")):
    with tempfile.TemporaryDirectory() as directory:
        run(offaxis, verb, source, "--indices", "0:300", "-o", "modified.h5", cwd=directory)
        said = python(with_torch(printed) + shown, directory)
        assert said == f"{images} (64, 6)\n", said
print("what the page and the README print runs")
