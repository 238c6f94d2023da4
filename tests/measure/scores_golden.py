"""Scores by scikit-learn 1.2.1 and numpy, on the samples that the tests of src/measure draw too. Writes what they
compare with to scores_golden.json beside this file.

Learners run to their optimum (tight tolerances); under "default" are the values at the solvers' own tolerances, as the
field's common evaluation library calls them."""
import json
import pathlib
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC

SIZES = [8, 5, 3, 2]
TRAIN, TEST, L = 2000, 1000, 7
GRID = [6, 4, 1, 5]
GRID_L = 5
SEEDS = 16


def draws(count):
    state, values = 20230817, np.empty(count)
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values[i] = (state >> 11) * 2.0**-53
    return values


def sample():
    u = draws((TRAIN + TEST) * (4 + L)).reshape(-1, 4 + L)
    factors = np.floor(u[:, :4] * SIZES).astype(np.int64)
    n = u[:, 4:] - 0.5
    f = factors.astype(np.float64)
    codes = np.stack([f[:, 0] + 2 * n[:, 0], 0.3 * f[:, 0] - f[:, 1] + n[:, 1], f[:, 2] * f[:, 1] + n[:, 2], n[:, 3],
                      0 * n[:, 4] + 1.5, 0.8 * f[:, 3] + 0.4 * f[:, 2] + 1.5 * n[:, 5], f[:, 0] + 3 * n[:, 6]], axis=1)
    codes = codes.astype(np.float32).astype(np.float64)
    return codes[:TRAIN], factors[:TRAIN], codes[TRAIN:], factors[TRAIN:]


def logistic(tight=True, tol=1e-10):
    # Newton-CG has lbfgs's objective and, unlike it, no second tolerance that stops it early.
    return LogisticRegression(solver="newton-cg", tol=tol, max_iter=1000) if tight else LogisticRegression()


def svm(tight=True):
    if not tight:
        return LinearSVC(C=0.01, class_weight="balanced", random_state=0)
    return LinearSVC(C=0.01, class_weight="balanced", dual=False, tol=1e-12, max_iter=100000)


def classifiers(x, y, x_test):
    result = {}
    for name, factor in [("many", 1), ("binary", 3)]:
        model = logistic().fit(x, y[:, factor])
        machine = svm().fit(x, y[:, factor])
        result[name] = {
            "probabilities": model.predict_proba(x_test[:25]).ravel().tolist(),
            "svm_weights": machine.coef_.ravel().tolist(),
            "svm_intercepts": machine.intercept_.ravel().tolist(),
            "default_gap": float(np.abs(model.predict_proba(x_test) -
                                        logistic(False).fit(x, y[:, factor]).predict_proba(x_test)).max()),
        }
    return result


def sap(x, y, x_test, y_test, tight):
    accuracy = np.zeros((x.shape[1], len(SIZES)))
    for i in range(x.shape[1]):
        for j in range(len(SIZES)):
            model = svm(tight).fit(x[:, i:i + 1], y[:, j])
            accuracy[i, j] = np.mean(model.predict(x_test[:, i:i + 1]) == y_test[:, j])
    accuracy[np.var(x, axis=0, ddof=1) <= 1e-12] = 0
    ranked = np.sort(accuracy, axis=0)
    gaps = ranked[-1] - ranked[-2]
    return {"value": gaps.mean(), "per_factor": gaps.tolist(), "accuracy": accuracy.ravel().tolist()}


def explicitness(x, y, x_test, y_test, tight):
    live = x.std(axis=0) > 0
    mean, sd = x[:, live].mean(axis=0), x[:, live].std(axis=0)
    aucs = []
    for k, size in enumerate(SIZES):
        model = logistic(tight).fit((x[:, live] - mean) / sd, y[:, k])
        p = model.predict_proba((x_test[:, live] - mean) / sd)
        aucs.append(roc_auc_score(np.eye(size)[y_test[:, k]], p, average="macro"))
    return {"value": float(np.mean(aucs)), "per_factor": aucs}


def irs(x, y):
    live = x.std(axis=0) > 0
    z = x[:, live]
    furthest = np.abs(z - z.mean(axis=0)).max(axis=0)
    matrix = np.zeros((L, len(SIZES)))
    for k in range(len(SIZES)):
        groups = [z[y[:, k] == level] for level in np.unique(y[:, k])]
        spread = np.mean([np.quantile(np.abs(g - g.mean(axis=0)), 0.99, axis=0) for g in groups], axis=0)
        matrix[live, k] = 1 - spread / furthest
    per_latent = matrix.max(axis=1)
    return {"value": float(np.average(per_latent[live], weights=furthest)), "per_latent": per_latent.tolist(),
            "matrix": matrix.ravel().tolist()}


def grid_codes():
    f = np.stack(np.unravel_index(np.arange(np.prod(GRID)), GRID), axis=1).astype(np.float64)
    n = draws(len(f) * GRID_L).reshape(-1, GRID_L) - 0.5
    return np.stack([0.01 * n[:, 0], f[:, 0] + 6 * n[:, 1], 0.6 * f[:, 1] + 0.4 * f[:, 0] + n[:, 2],
                     f[:, 3] + 5 * n[:, 3], 0.25 * f[:, 1] * f[:, 3] + n[:, 4]], axis=1)


def some_factors(rng, count):
    return np.stack([rng.integers(0, size, count) for size in GRID], axis=1)


def row_of(factors):
    return np.ravel_multi_index(tuple(factors.T), GRID)


def factor_vae(codes, rng):
    overall = codes[row_of(some_factors(rng, 10000))].var(axis=0, ddof=1)
    kept = np.flatnonzero(np.sqrt(overall) >= 0.05)

    def votes(count):
        table = np.zeros((GRID_L, len(GRID)), dtype=np.int64)
        for _ in range(count):
            k = rng.choice([0, 1, 3])
            f = some_factors(rng, 64)
            f[:, k] = f[0, k]
            local = codes[row_of(f)].var(axis=0, ddof=1)
            table[kept[np.argmin(local[kept] / overall[kept])], k] += 1
        return table

    train, test = votes(10000), votes(5000)
    return test[np.arange(GRID_L), train.argmax(axis=1)].sum() / test.sum()


def beta_vae(codes, rng):
    def votes(count):
        x, y = np.empty((count, GRID_L)), np.empty(count, dtype=np.int64)
        for i in range(count):
            y[i] = rng.choice([0, 1, 3])
            a, b = some_factors(rng, 64), some_factors(rng, 64)
            b[:, y[i]] = a[:, y[i]]
            x[i] = np.abs(codes[row_of(a)] - codes[row_of(b)]).mean(axis=0)
        return x, y

    train, test = votes(10000), votes(5000)
    return [logistic(tight, 1e-4).fit(*train).score(*test) for tight in (True, False)]


def resampled(score):
    return np.array([score(grid_codes(), np.random.default_rng(seed)) for seed in range(SEEDS)])


def summary(values):
    return {"mean": float(values.mean()), "sd": float(values.std(ddof=1)), "runs": len(values)}


warnings.simplefilter("ignore")  # the default solvers say that they stop early
x, y, x_test, y_test = sample()
beta_vae_values = resampled(beta_vae)
golden = {
    "classifiers": classifiers(x, y, x_test),
    "sap": sap(x, y, x_test, y_test, True),
    "sap_of_factors": sap(y.astype(np.float64), y, y_test.astype(np.float64), y_test, True),
    "explicitness": explicitness(x, y, x_test, y_test, True),
    "irs": irs(x, y),
    "factor_vae": summary(resampled(factor_vae)),
    "beta_vae": summary(beta_vae_values[:, 0]),
    "default": {
        "sap": sap(x, y, x_test, y_test, False),
        "explicitness": explicitness(x, y, x_test, y_test, False),
        "beta_vae": summary(beta_vae_values[:, 1]),
    },
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")
