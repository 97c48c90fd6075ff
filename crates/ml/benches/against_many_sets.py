"""Whole training runs against tuned LightGBM and scikit-learn's logistic regression on many generated sets.

Run by hand: python3 against_many_sets.py [--seeds N] [--only NAME] [--noise N]. It makes a virtual environment in a temporary
folder, installs scikit-learn and lightgbm there, learns from the same rows and prints the log loss on the same test rows,
then how often noise passes for signal, and which leaks are named. Deliberately not part of any automatic check.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
NO_SIGNAL_ROWS = [60, 200, 800, 3000]


def others(d):
    """Log loss of the base rate, scikit-learn's logistic regression and LightGBM, each tuned by cross-validation."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    import lightgbm as lgb

    names = [c for c in d.columns if c not in ("day", "group", "part", "truth", "y")]
    named = [c for c in names if c.startswith("c_")]
    numbers = [c for c in names if c not in named]
    x, y, train = d[names].copy(), d.y.to_numpy(), (d.part == "train").to_numpy()
    if "price" in x and "list" in x:
        x["ratio"] = x.price / x["list"]
        numbers = [*numbers, "ratio"]
    for c in ("price", "list", "cost", "quantity"):
        if c in x:
            x[c] = np.log1p(x[c])
    for c in named:
        x[c] = x[c].astype(str).astype("category")
    a, b = x[train], x[~train]
    base = log_loss(y[~train], np.full((~train).sum(), y[train].mean()), labels=[0, 1])
    groups = d.group[train] if "group" in d else None
    if groups is not None:
        folds = list(GroupKFold(5).split(a, y[train], groups))
    elif "day" in d:
        folds = list(KFold(5).split(a))
    else:
        folds = list(StratifiedKFold(5, shuffle=True, random_state=1).split(a, y[train]))
    prepare = ColumnTransformer([
        ("n", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
        ("c", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3), named),
    ])
    model = make_pipeline(prepare, LogisticRegression(max_iter=3000))
    search = GridSearchCV(model, {"logisticregression__C": np.logspace(-2, 2, 8)}, scoring="neg_log_loss", cv=folds)
    search.fit(a, y[train])
    logistic = log_loss(y[~train], search.predict_proba(b)[:, 1], labels=[0, 1])
    best = (np.inf, None, 0)
    for leaves in (4, 15, 31):
        for least in (5, 20, 60):
            for l2 in (0.0, 5.0):
                options = dict(objective="binary", num_leaves=leaves, min_child_samples=least, reg_lambda=l2, learning_rate=0.05,
                               subsample=0.8, subsample_freq=1, colsample_bytree=0.8, verbose=-1, num_threads=1, seed=1)
                found = lgb.cv(options, lgb.Dataset(a, y[train], params={"verbose": -1}), 600, folds=folds, callbacks=[lgb.early_stopping(30, verbose=False)])
                curve = found["valid binary_logloss-mean"]
                if min(curve) < best[0]:
                    best = (min(curve), options, int(np.argmin(curve)) + 1)
    trees = lgb.train(best[1], lgb.Dataset(a, y[train], params={"verbose": -1}), best[2])
    return base, logistic, log_loss(y[~train], trees.predict(b), labels=[0, 1])


def ours(files):
    run = ["cargo", "run", "-q", "--release", "-p", "ml", "--example", "judge", "--", *map(str, files)]
    done = subprocess.run(run, check=True, cwd=HERE, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def inside(wanted, folder):
    import numpy as np

    import many_sets

    def write(name, seed, make):
        r = np.random.default_rng(seed)
        file = folder / f"{name}.csv"
        d = make(r)
        d.to_csv(file, index=False)
        return file, d

    print(f"{'set':<22}{'rows':>6}{'base':>8}{'sklearn':>9}{'lightgbm':>10}{'ours':>8}{'ratio':>8}{'blend':>8}{'cover':>7}{'s':>6}  weights")
    ratios, blends, wins = [], [], 0
    for make in many_sets.SETS:
        if wanted.only and wanted.only not in make.__name__:
            continue
        for seed in range(wanted.seeds):
            file, d = write(f"{make.__name__}-{seed}", 1000 + seed, make)
            [o] = ours([file])
            base, logistic, trees = others(d)
            ratio, blend = o["log_loss"] / min(logistic, trees), o["own"] / min(o["own_logistic"], o["own_boosted"] if o["own_boosted"] > 0 else 9)
            ratios.append(ratio)
            blends.append(blend)
            wins += ratio <= 1.0
            print(f"{o['name']:<22}{o['rows']:>6}{base:>8.4f}{logistic:>9.4f}{trees:>10.4f}{o['log_loss']:>8.4f}{ratio:>8.4f}{blend:>8.4f}"
                  f"{o['coverage']:>7.3f}{o['seconds']:>6.1f}  {o['weights']} {o['calibration']} {o['family']}", flush=True)
    if ratios:
        print(f"ours / better of both: mean {sum(ratios) / len(ratios):.4f}, worst {max(ratios):.4f}, at least as good on {wins} of {len(ratios)}")
        print(f"blend / better candidate on the own test rows: mean {sum(blends) / len(blends):.4f}, worst {max(blends):.4f}, above 1.005 {sum(b > 1.005 for b in blends)} times")
    if wanted.only:
        return
    for rows in NO_SIGNAL_ROWS:
        files = [write(f"none-{rows}-{seed}", 5000 + seed, lambda r: many_sets.no_signal(r, rows))[0] for seed in range(wanted.noise)]
        claims = [o for o in ours(files) if o["beats"]]
        print(f"no signal, {rows} rows: {len(claims)} of {len(files)} claim to beat the base rate", flush=True)
    for kind in many_sets.LEAKS:
        file, _ = write("leak", 7, lambda r: many_sets.leaking(r, kind))
        [o] = ours([file])
        print(f"leak by {kind:<24} log loss {o['log_loss']:.4f}, named: {o['leaks']}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=2, help="draws of every set")
    options.add_argument("--noise", type=int, default=40, help="draws without signal per size")
    options.add_argument("--only", help="sets whose name holds this")
    options.add_argument("--inside", help=argparse.SUPPRESS)
    wanted = options.parse_args()
    if wanted.inside:
        return inside(wanted, pathlib.Path(wanted.inside))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "lightgbm", "pandas", "scikit-learn"], check=True)
        subprocess.run([python, __file__, *sys.argv[1:], "--inside", folder], check=True)


if __name__ == "__main__":
    sys.exit(main())
