"""The training step of train_step.cpp in eager PyTorch, as one would write it: same network, loss, batch and optimiser.

usage: train_step_eager.py --channels C --batch B --steps N --json
Prints {"ms_per_step": x}, of one thread.
"""
import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F


def make_nets(channels, latents):
    encoder = nn.Sequential(
        nn.Conv2d(channels, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(32, 64, 2, 2), nn.ReLU(), nn.Conv2d(64, 64, 2, 2), nn.ReLU(),
        nn.Flatten(), nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 2 * latents))
    decoder = nn.Sequential(
        nn.Linear(latents, 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU(), nn.Unflatten(1, (64, 4, 4)),
        nn.ConvTranspose2d(64, 64, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, channels, 4, 2, 1))
    return encoder, decoder


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("channels", 3), ("batch", 64), ("steps", 10)):
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--channels-last", action="store_true", help="networks and images in channels-last order")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    latents, beta, warmup = 10, 4.0, 2
    encoder, decoder = make_nets(options.channels, latents)
    if options.channels_last:
        encoder, decoder = (net.to(memory_format=torch.channels_last) for net in (encoder, decoder))
    parameters = list(encoder.parameters()) + list(decoder.parameters())
    optimiser = torch.optim.Adam(parameters, lr=1e-4)
    images = torch.randint(0, 256, (256, options.channels, 64, 64), dtype=torch.uint8)
    if options.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)

    for step in range(warmup + options.steps):
        if step == warmup:
            start = time.perf_counter()
        x = images[torch.randint(0, len(images), (options.batch,))].float() / 255
        mu, log_variance = encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum") / options.batch
        kl = 0.5 * (mu ** 2 + log_variance.exp() - 1 - log_variance).sum() / options.batch
        loss = reconstruction + beta * kl
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()
    per_step = (time.perf_counter() - start) * 1000 / options.steps
    print(json.dumps({"ms_per_step": round(per_step, 3)}) if options.json else f"{per_step:.3f} ms per step")


if __name__ == "__main__":
    main()
