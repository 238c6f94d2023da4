"""Mutual information gap by numpy alone, on the sample that mig_test.cpp draws too. Prints the constants used there."""
import numpy as np

SIZES = [8, 5, 3]
N, L = 2000, 5


def draws(count):
    state, values = 20230817, np.empty(count)
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values[i] = (state >> 11) * 2.0**-53
    return values


def sample():
    u = draws(N * (3 + L)).reshape(N, 3 + L)
    factors = np.floor(u[:, :3] * SIZES).astype(np.int64)
    noise = u[:, 3:] - 0.5
    f = factors.astype(np.float64)
    codes = np.stack([f[:, 0] + 2 * noise[:, 0], 0.3 * f[:, 0] - f[:, 1] + noise[:, 1], f[:, 2] * f[:, 1] + noise[:, 2],
                      noise[:, 3], 0 * noise[:, 4] + 1.5], axis=1)
    return codes.astype(np.float32).astype(np.float64), factors


def digitise(x):
    return np.digitize(x, np.histogram(x, 20)[1][:-1])


def mutual_information(a, b):
    joint = np.histogram2d(a, b, bins=[np.arange(a.min(), a.max() + 2), np.arange(b.min(), b.max() + 2)])[0] / len(a)
    outer = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    inside = joint > 0
    return float((joint[inside] * np.log(joint[inside] / outer[inside])).sum())


def gaps(latents, targets):
    per_factor = []
    for target in targets:
        information = sorted(mutual_information(latent, target) for latent in latents)
        per_factor.append((information[-1] - information[-2]) / mutual_information(target, target))
    return per_factor


codes, factors = sample()
latents = [digitise(codes[:, i]) for i in range(L)]
plain = gaps(latents, factors.T)
print("mig", repr(float(np.mean(plain))), [repr(float(v)) for v in plain])

whitened = np.stack([(factors[:, k] - (s - 1) / 2) / np.sqrt((s * s - 1) / 12) for k, s in enumerate(SIZES)], axis=1)
rotation = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3
rotated = gaps(latents, [digitise(column) for column in (whitened @ rotation.T).T])
print("rotated", repr(float(np.mean(rotated))), [repr(float(v)) for v in rotated])
print("perfect", repr(float(np.mean(gaps([digitise(column) for column in whitened.T], factors.T)))))
