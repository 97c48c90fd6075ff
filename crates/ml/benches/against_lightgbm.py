"""Our boosted trees against LightGBM: same rows, same number of trees and leaves, one thread each, printed side by side.

Run by hand: python3 against_lightgbm.py [--ibm FOLDER]. It makes a virtual environment in a temporary folder and installs
lightgbm there. Without --ibm the rows are generated; with it they are the car-parts deals in FOLDER. Deliberately not
part of any automatic check: times depend on the machine.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
TREES, LEAVES, ROWS = 400, 15, 78_000

LIGHTGBM = """
import sys, time
import numpy as np, pandas as pd, lightgbm as lgb
d = pd.read_csv(sys.argv[1])
for c in d.columns:
    if c.startswith("c_"):
        d[c] = d[c].astype("category")
x, y, cut = d.iloc[:, :-1], d.iloc[:, -1].to_numpy(), len(d) * 4 // 5
m = lgb.LGBMClassifier(n_estimators=int(sys.argv[2]), num_leaves=int(sys.argv[3]), learning_rate=0.1, n_jobs=1, verbose=-1)
t = time.time()
m.fit(x[:cut], y[:cut])
t = time.time() - t
p = m.predict_proba(x[cut:])[:, 1]
loss = -np.where(y[cut:] == 1, np.log(p), np.log(1 - p)).mean()
print(f"lightgbm: {sys.argv[2]} trees of {sys.argv[3]} leaves in {t:.2f} s, log loss {loss:.5f}")
"""

GENERATE = """
import sys
import numpy as np, pandas as pd
r = np.random.default_rng(1)
n = int(sys.argv[2])
d = pd.DataFrame({f"n{k}": r.normal(size=n).round(3) for k in range(7)})
d["price"] = np.exp(8 + r.normal(size=n)).round(2)
for k, levels in enumerate([4, 9, 30, 120]):
    d[f"c_{k}"] = [f"v{v}" for v in r.integers(0, levels, n)]
z = -1 + d.n0 - d.n1 ** 2 / 2 + d.n2 * d.n3 - 0.3 * np.log(d.price / 3000)
z += d.c_2.str[1:].astype(int).mod(5) * 0.3 * (d.n4 > 0)
d["y"] = (r.random(n) < 1 / (1 + np.exp(-z))).astype(int)
d.to_csv(sys.argv[1], index=False)
"""

IBM = """
import pathlib, sys
import pandas as pd
d = pd.read_csv(next(pathlib.Path(sys.argv[2]).glob("**/*Win-Loss.csv")), keep_default_na=False)
d = d.sample(frac=1, random_state=1)
names = ["Supplies Subgroup", "Supplies Group", "Region", "Route To Market", "Competitor Type"]
numbers = ["Client Size By Revenue", "Client Size By Employee Count", "Revenue From Client Past Two Years", "Deal Size Category"]
out = d[numbers].copy()
out["price"] = d["Opportunity Amount USD"]
for c in names:
    out["c_" + c.replace(" ", "_")] = d[c]
out["y"] = (d["Opportunity Result"] == "Won").astype(int)
out.to_csv(sys.argv[1], index=False)
"""


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--ibm", help="folder with the car-parts deals")
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "lightgbm", "pandas", "scikit-learn"], check=True)
        rows = folder / "rows.csv"
        make, source = (IBM, wanted.ibm) if wanted.ibm else (GENERATE, str(ROWS))
        subprocess.run([python, "-c", make, rows, source], check=True)
        sizes = [str(TREES), str(LEAVES)]
        build = ["cargo", "build", "-q", "--release", "-p", "ml", "--example", "speed"]
        subprocess.run(build, check=True, cwd=HERE)
        run = ["cargo", "run", "-q", "--release", "-p", "ml", "--example", "speed", "--", "fit", rows, *sizes]
        for _ in range(2):
            subprocess.run(run, check=True, cwd=HERE)
            subprocess.run([python, "-c", LIGHTGBM, rows, *sizes], check=True)


if __name__ == "__main__":
    sys.exit(main())
