"""The generated sets of `against_many_sets.py`: small, noisy, drifting, bent, wide, rare, without signal, with leaks.

Every set is a data frame whose column `part` says which rows are tested on; `truth` is the true probability where there is
one. Deliberately nothing is drawn from real data.
"""

import numpy as np
import pandas as pd
from sklearn import datasets

TEST = 4000


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def finish(frame, z, r, rows, day=False):
    """Outcomes for log-odds z; the first `rows` are to learn from."""
    p = sigmoid(np.asarray(z, float))
    if day:
        frame["day"] = 18000 + np.arange(len(p)) * 1200 // len(p)
    frame["truth"] = p.round(6)
    frame["part"] = np.where(np.arange(len(p)) < rows, "train", "test")
    frame["y"] = (r.random(len(p)) < p).astype(int)
    return frame


def quotes(r, n):
    d = pd.DataFrame()
    d["list"] = np.exp(8 + 0.5 * r.normal(size=n)).round(2)
    ratio = r.uniform(0.7, 1.1, n)
    d["price"] = (d["list"] * ratio).round(2)
    d["cost"] = (d["list"] * r.uniform(0.45, 0.65, n)).round(2)
    d["weeks"] = r.uniform(1, 12, n).round(1)
    d["c_region"] = r.choice(["north", "east", "south", "west"], n)
    return d, ratio


def small_linear(r, rows=300):
    d, ratio = quotes(r, rows + TEST)
    return finish(d, -6 * (ratio - 0.9) - 0.1 * (d.weeks - 6) + d.c_region.map({"north": 0.6, "east": 0, "south": -0.3, "west": -0.4}), r, rows, True)


def tiny_linear(r):
    return small_linear(r, 80)


def noisy(r, rows=1500):
    d, ratio = quotes(r, rows + TEST)
    for k in range(6):
        d[f"n{k}"] = r.normal(size=len(d)).round(3)
    return finish(d, -0.8 - 1.5 * (ratio - 0.9) + 0.15 * d.n0 - 0.1 * d.n1, r, rows, True)


def drifting(r, rows=4000):
    d, ratio = quotes(r, rows + TEST // 4)
    t = np.arange(len(d)) / len(d)
    return finish(d, -1 + 0.8 * t - (4 + 6 * t) * (ratio - 0.9) - 0.2 * (d.weeks - 6) * (1 - t), r, rows, True)


def interactions(r, rows=5000):
    d, ratio = quotes(r, rows + TEST)
    d["size"] = r.uniform(-2, 2, len(d)).round(3)
    steep = np.where(d.c_region == "north", -14, -2)
    return finish(d, 0.8 + steep * (ratio - 0.9) - 1.1 * d["size"] ** 2 + 0.3 * (d.weeks > 8) * (d["size"] > 0), r, rows)


def slopes(r, rows=3000):
    d, ratio = quotes(r, rows + TEST)
    slope = d.c_region.map({"north": -16, "east": -8, "south": -4, "west": -1})
    return finish(d, -0.2 + slope * (ratio - 0.9), r, rows)


def customers(r, rows=6000, levels=1500, spread=1.2):
    d, ratio = quotes(r, rows + TEST)
    effect = spread * r.normal(size=levels)
    share = r.pareto(1.5, levels) + 0.3
    who = r.choice(levels, len(d), p=share / share.sum())
    d["c_customer"] = [f"k{w}" for w in who]
    return finish(d, -0.5 - 5 * (ratio - 0.9) + effect[who], r, rows, True)


def products(r):
    return customers(r, 2500, 300, 0.8)


def missing(r, rows=3000):
    d, ratio = quotes(r, rows + TEST)
    x = r.normal(size=len(d))
    gone = r.random(len(d)) < sigmoid(-1 + x)
    d["rating"] = np.where(gone, np.nan, x.round(3))
    d["weeks"] = d.weeks.where(r.random(len(d)) > 0.3)
    return finish(d, -0.3 - 4 * (ratio - 0.9) + np.where(gone, -1.5, 0.8 * x), r, rows)


def rare(r, rows=6000):
    d, ratio = quotes(r, rows + TEST)
    return finish(d, -4.2 - 8 * (ratio - 0.9) + 0.8 * (d.c_region == "north") - 0.2 * (d.weeks - 6), r, rows, True)


def wide(r, rows=800):
    n = rows + TEST
    x = r.normal(size=(n, 200))
    d = pd.DataFrame({f"n{k}": x[:, k].round(3) for k in range(200)})
    return finish(d, 0.9 * x[:, 0] - 0.7 * x[:, 1] + 0.5 * x[:, 2] - 0.5 * x[:, 3] + 0.4 * np.abs(x[:, 4]), r, rows)


def steps(r, rows=3000):
    d, ratio = quotes(r, rows + TEST)
    rival = r.normal(0.92, 0.04, len(d))
    d["rival"] = (d["list"] * rival).round(2)
    d["quantity"] = np.exp(r.normal(3, 1, len(d))).round() + 1
    return finish(d, np.where(ratio < rival, 1.2, -1.4) + np.where(d.quantity > 50, 0.8, 0), r, rows)


def levels_only(r, rows=2500):
    n = rows + TEST
    d, z = pd.DataFrame(), -0.6
    for k in range(8):
        effect = 0.45 * r.normal(size=10)
        at = r.integers(0, 10, n)
        d[f"c_{k}"] = [f"v{a}" for a in at]
        z = z + effect[at]
    return finish(d, z, r, rows)


def heavy(r, rows=3000):
    n = rows + TEST
    x = np.exp(r.normal(0, 2, size=(n, 6)))
    d = pd.DataFrame({f"n{k}": x[:, k].round(4) for k in range(6)})
    return finish(d, 0.5 * np.log(x[:, 0]) - 0.4 * np.log(x[:, 1]) + 0.5 * np.sin(np.log(x[:, 2])), r, rows)


def tenders(r, rows=3000):
    n = rows + TEST
    d, ratio = quotes(r, n)
    group = np.arange(n) // 5
    noise = r.gumbel(size=n) / 10
    score = -(ratio + noise + 0.04 * d.c_region.map({"north": 0, "east": 1, "south": 1, "west": 2}))
    best = pd.Series(score).groupby(group).transform("max") == score
    d["day"] = 18000 + group
    d["group"] = group
    d["part"] = np.where(np.arange(n) < rows, "train", "test")
    d["y"] = best.astype(int)
    return d


def sklearn_frame(x, y, r, rows):
    d = pd.DataFrame({f"n{k}": x[:, k].round(4) for k in range(x.shape[1])})
    order = r.permutation(len(d))
    d, y = d.iloc[order].reset_index(drop=True), np.asarray(y)[order]
    d["part"] = np.where(np.arange(len(d)) < rows, "train", "test")
    d["y"] = y.astype(int)
    return d


def classification(r):
    x, y = datasets.make_classification(2000 + TEST, 20, n_informative=6, n_redundant=3, flip_y=0.2, class_sep=0.7, random_state=int(r.integers(1e6)))
    return sklearn_frame(x, y, r, 2000)


def hastie(r):
    x, y = datasets.make_hastie_10_2(3000 + TEST, random_state=int(r.integers(1e6)))
    return sklearn_frame(x, y > 0, r, 3000)


def quantiles(r):
    x, y = datasets.make_gaussian_quantiles(n_samples=1500 + TEST, n_features=6, n_classes=2, random_state=int(r.integers(1e6)))
    flip = r.random(len(y)) < 0.15
    return sklearn_frame(x, y ^ flip, r, 1500)


def friedman(r):
    x, z = datasets.make_friedman1(2500 + TEST, 12, random_state=int(r.integers(1e6)))
    y = r.random(len(z)) < sigmoid((z - 14) / 3)
    return sklearn_frame(x, y, r, 2500)


def moons(r):
    x, y = datasets.make_moons(400 + TEST, noise=0.45, random_state=int(r.integers(1e6)))
    return sklearn_frame(x, y, r, 400)


def no_signal(r, rows):
    d, _ = quotes(r, rows + 200)
    for k in range(4):
        d[f"n{k}"] = r.normal(size=len(d)).round(3)
    d["c_who"] = [f"k{k}" for k in r.integers(0, 40, len(d))]
    return finish(d, np.full(len(d), -0.8), r, rows, bool(r.integers(0, 2)))


SETS = [
    tiny_linear, small_linear, noisy, drifting, interactions, slopes, customers, products, missing, rare, wide, steps,
    levels_only, heavy, tenders, classification, hastie, quantiles, friedman, moons,
]


def leaking(r, kind, rows=1500):
    """A set with one column that gives the outcome away, called `leak` with its prefix."""
    d, ratio = quotes(r, rows + TEST)
    d = finish(d, -0.8 - 5 * (ratio - 0.9), r, rows, True)
    n, y = len(d), d.y.to_numpy() == 1
    if kind == "copy":
        d["leak"] = np.where(r.random(n) < 0.02, 1 - y, y)
    elif kind == "noisy copy":
        d["leak"] = np.where(r.random(n) < 0.08, 1 - y, y)
    elif kind == "noisy number":
        d["leak"] = (y * 4 + r.normal(size=n)).round(2)
    elif kind == "filled when won":
        d["leak"] = np.where(y, r.uniform(10, 60, n).round(), np.nan)
    elif kind == "filled mostly when won":
        d["leak"] = np.where(y & (r.random(n) < 0.7), r.uniform(10, 60, n).round(), np.nan)
    elif kind == "reason of loss":
        d["c_leak"] = np.where(y, "", r.choice(["price", "time", "rival", "none given"], n))
    elif kind == "order date":
        d["t_leak"] = np.where(y, d.day + r.integers(5, 40, n), d.day + r.integers(60, 200, n))
    elif kind == "stage count":
        d["leak"] = np.where(y, r.poisson(6, n) + 3, r.poisson(2, n))
    elif kind == "status":
        d["c_leak"] = np.where(y, r.choice(["shipped", "invoiced", "ordered"], n), r.choice(["closed", "archived"], n))
    elif kind == "sales person code":
        d["c_leak"] = np.where(y, [f"W{k}" for k in r.integers(0, 400, n)], [f"L{k}" for k in r.integers(0, 400, n)])
    elif kind == "order number":
        d["c_leak"] = np.where(y, [f"A{k}" for k in range(n)], [f"Q{k}" for k in range(n)])
    elif kind == "invoiced amount":
        d["leak"] = np.where(y, d.price * r.uniform(0.97, 1.0, n), 0).round(2)
    return d


LEAKS = [
    "copy", "noisy copy", "noisy number", "filled when won", "filled mostly when won", "reason of loss", "order date",
    "stage count", "status", "sales person code", "order number", "invoiced amount",
]
