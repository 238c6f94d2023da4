"""DCI by scikit-learn's gradient boosting and scipy's entropy, on the samples that dci_test.cpp draws too. Writes
dci_golden.json, which the test reads. scikit-learn breaks ties at random: `spread` is the largest difference of an
importance from its mean over SEEDS, and the scores are of the mean."""
import json
import os

import numpy as np
import scipy.stats
import sklearn
from sklearn.ensemble import GradientBoostingClassifier

TRAIN, TEST, SEEDS = 1500, 700, 5


def draws(seed, count):
    state, values = seed, np.empty(count)
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values[i] = (state >> 11) * 2.0**-53
    return values


def drawn(seed, sizes, noises):
    u = draws(seed, (TRAIN + TEST) * (len(sizes) + noises)).reshape(TRAIN + TEST, -1)
    return np.floor(u[:, :len(sizes)] * sizes), u[:, len(sizes):] - 0.5


def aligned():
    f, n = drawn(1, [5, 4, 2], 4)
    return np.stack([f[:, 0] + 1.6 * n[:, 0], 3 - f[:, 1] + 1.8 * n[:, 1], f[:, 2] + 2.2 * n[:, 2], n[:, 3],
                     0 * n[:, 3] + 1.5], axis=1), f


def rotated(seed=2, noise=0.4):
    f, n = drawn(seed, [6, 4, 3], 4)
    a, b, c = f[:, 0] - 2.5, f[:, 1] - 1.5, f[:, 2] - 1
    return np.stack([(2 * a - b + 2 * c) / 3 + noise * n[:, 0], (2 * a + 2 * b - c) / 3 + noise * n[:, 1],
                     (2 * b - a + 2 * c) / 3 + noise * n[:, 2], noise * n[:, 3]], axis=1), f


def rounded():
    codes, f = rotated(4, 3.0)
    return np.floor(codes), f


def discrete():
    """Codes of few values; a binary factor; a factor whose level 2 only the test rows show."""
    f, n = drawn(3, [4, 2, 5], 4)
    f[:TRAIN, 2][f[:TRAIN, 2] == 2] = 4
    return np.stack([f[:, 0] + np.floor(3 * n[:, 0]), f[:, 1] + np.floor(3 * n[:, 1]), f[:, 2] + np.floor(2 * n[:, 2]),
                     np.floor(6 * n[:, 3]) + f[:, 0]], axis=1), f


def score(codes, factors):
    factors = factors.astype(np.int64)
    importances, accuracies = [], []
    for seed in range(SEEDS):
        models = [GradientBoostingClassifier(random_state=seed).fit(codes[:TRAIN], y[:TRAIN]) for y in factors.T]
        importances.append(np.stack([m.feature_importances_ for m in models], axis=1))
        accuracies.append([float(np.mean(m.predict(codes[TRAIN:]) == y[TRAIN:])) for m, y in zip(models, factors.T)])
    r = np.mean(importances, axis=0)
    per_latent = 1 - scipy.stats.entropy(r.T + 1e-11, base=r.shape[1])
    per_factor = 1 - scipy.stats.entropy(r + 1e-11, base=r.shape[0])
    return {"importance": r.ravel().tolist(), "spread": float(np.abs(importances - r).max()),
            "accuracy": np.mean(accuracies, axis=0).tolist(),
            "accuracy_spread": float(np.abs(accuracies - np.mean(accuracies, axis=0)).max()),
            "per_latent": per_latent.tolist(), "per_factor": per_factor.tolist(),
            "disentanglement": float(per_latent @ r.sum(1) / r.sum()),
            "completeness": float(per_factor @ r.sum(0) / r.sum()),
            "informativeness": float(np.mean(accuracies))}


if __name__ == "__main__":
    golden = {"scikit_learn": sklearn.__version__, "seeds": SEEDS}
    golden.update({make.__name__: score(*make()) for make in (aligned, rotated, rounded, discrete)})
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "dci_golden.json"), "w") as out:
        json.dump(golden, out, indent=1)
        out.write("\n")
