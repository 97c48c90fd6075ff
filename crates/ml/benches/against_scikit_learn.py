"""Our logistic path against scikit-learn's LogisticRegression: same rows, penalties and folds, one thread each.

Run by hand: python3 against_scikit_learn.py [--ibm FOLDER] [--profile dev]. It makes a virtual environment in a temporary
folder and installs scikit-learn there. Without --ibm the rows are generated; with it they are the car-parts deals in FOLDER.
Both sides standardise and one-hot encode inside every fold, and the time holds that. Deliberately not part of any automatic
check: times depend on the machine.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import venv

from against_lightgbm import GENERATE, HERE, IBM, ROWS

PENALTIES, FOLDS = 8, 3

SCIKIT = """
import sys, time
import numpy as np, pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import OneHotEncoder, StandardScaler
d = pd.read_csv(sys.argv[1], keep_default_na=False)
y = d.pop("y").to_numpy()
d["price"] = np.log1p(d.price)
named = [c for c in d.columns if c.startswith("c_")]
numbers = [c for c in d.columns if c not in named]
penalties, folds = int(sys.argv[2]), int(sys.argv[3])
t = time.time()
losses = np.zeros(penalties)
for train, test in StratifiedKFold(folds, shuffle=True, random_state=1).split(d, y):
    prepare = ColumnTransformer([("n", StandardScaler(), numbers), ("c", OneHotEncoder(handle_unknown="ignore"), named)])
    a, b = prepare.fit_transform(d.iloc[train]), prepare.transform(d.iloc[test])
    model = LogisticRegression(warm_start=True, max_iter=1000)
    for k, penalty in enumerate(np.logspace(2, -2, penalties)):
        model.set_params(C=1 / penalty)
        model.fit(a, y[train])
        losses[k] += log_loss(y[test], model.predict_proba(b)[:, 1]) / folds
print(f"scikit-learn: {len(d)} rows, {penalties} penalties x {folds} folds, encoding included, in {time.time() - t:.2f} s, log loss {losses.min():.5f}")
"""


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--ibm", help="folder with the car-parts deals")
    options.add_argument("--profile", default="release", help="of cargo; the dev profile optimises this crate as well")
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "pandas", "scikit-learn"], check=True)
        rows = folder / "rows.csv"
        make, source = (IBM, wanted.ibm) if wanted.ibm else (GENERATE, str(ROWS))
        subprocess.run([python, "-c", make, rows, source], check=True)
        sizes = [str(PENALTIES), str(FOLDS)]
        run = ["cargo", "run", "-q", "--profile", wanted.profile, "-p", "ml", "--example", "path", "--", rows, *sizes]
        one = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        subprocess.run(["cargo", "build", *run[2:9]], check=True, cwd=HERE)
        for _ in range(2):
            subprocess.run(run, check=True, cwd=HERE)
            subprocess.run([python, "-c", SCIKIT, rows, *sizes], check=True, env=one)


if __name__ == "__main__":
    sys.exit(main())
