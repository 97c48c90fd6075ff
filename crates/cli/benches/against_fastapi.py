"""Unary predictions of ours against a scikit-learn pipeline behind FastAPI and uvicorn, one worker per core.

Run by hand: python3 against_fastapi.py --valutai PROGRAM [--calls N] [--callers N]. PROGRAM is `valutai`, built with
--release. It makes a virtual environment in a temporary folder and installs fastapi, uvicorn, pandas and scikit-learn there,
learns from quotes that `valutai sample` writes, and prints both rates. The peer answers with a probability and keeps
nothing; ours is stored, audited and told as an event before it is answered, by `valutai bench predict`. Each side has the
machine to itself, its client included. Deliberately not part of any automatic check: times depend on the machine.
"""

import argparse
import asyncio
import csv
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import venv

SERVER = '''
import os
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

rows = pd.read_csv(os.environ["ROWS"])
rows = rows[rows[os.environ["OUTCOME"]].isin(["won", "lost"])]
target = (rows.pop(os.environ["OUTCOME"]) == "won").astype(int)
columns = os.environ["COLUMNS"].split(",")
numbers = [c for c in columns if pd.api.types.is_numeric_dtype(rows[c])]
names = [c for c in columns if c not in numbers]
model = make_pipeline(
    ColumnTransformer([
        ("numbers", StandardScaler(), numbers),
        ("names", OneHotEncoder(handle_unknown="ignore"), names),
    ]),
    LogisticRegression(max_iter=1000),
)
rows[numbers] = rows[numbers].fillna(0)
model.fit(rows[columns], target)
app = FastAPI()


class Quote(BaseModel):
    fields: dict[str, float | str | None]


@app.post("/predict")
def predict(quote: Quote):
    frame = pd.DataFrame([{c: quote.fields.get(c) for c in columns}], columns=columns)
    return {"win_probability": float(model.predict_proba(frame)[0, 1])}
'''


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


async def call(reader, writer, request):
    """One call on a connection that stays open; answers the body."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(head.decode())
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(length)


async def load(port, request, callers, calls):
    """Calls a second and the 99th percentile, in seconds."""
    left, times = iter(range(calls)), []

    async def caller():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            begun = time.perf_counter()
            await call(reader, writer, request)
            times.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return calls / (time.perf_counter() - begun), sorted(times)[int(len(times) * 0.99)]


def until_open(port, server):
    while True:
        if server.poll() is not None:
            raise SystemExit("uvicorn ended")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)


def peer(folder, valutai, callers, calls):
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    packages = ["fastapi", "uvicorn[standard]", "pandas", "scikit-learn"]
    subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    (folder / "server.py").write_text(SERVER)
    rows = folder / "rows.csv"
    subprocess.run([valutai, "sample", "--rows", "2000", "--out", rows], check=True, stdout=subprocess.DEVNULL)
    with open(rows, newline="") as file:
        some = next(csv.DictReader(file))
    outcome = next(name for name, cell in some.items() if cell in ("won", "lost"))
    ignored = {outcome, "quote_id", "quote_date"}
    columns = [name for name in some if name not in ignored]

    def cell(text):
        try:
            return float(text)
        except ValueError:
            return text

    body = json.dumps({"fields": {name: cell(some[name]) for name in columns}}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    port, workers = free_port(), os.cpu_count()
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**os.environ, **one, "ROWS": str(rows), "OUTCOME": outcome, "COLUMNS": ",".join(columns)}
    command = [python, "-m", "uvicorn", "server:app", "--port", str(port), "--workers", str(workers), "--log-level", "warning"]
    server = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        until_open(port, server)
        request = head.encode() + body
        asyncio.run(load(port, request, callers, calls // 10))
        rate, slowest = asyncio.run(load(port, request, callers, calls))
    finally:
        server.terminate()
        server.wait()
    print(f"FastAPI and scikit-learn: {rate:.0f} calls/s by {callers} callers, p99 {slowest * 1000:.1f} ms, {workers} workers, {len(columns)} columns")
    return rate


def ours(valutai, callers):
    done = subprocess.run([valutai, "bench", "predict", "-o", "json"], check=True, stdout=subprocess.PIPE)
    unary = [calls for calls in json.loads(done.stdout)["unary"] if calls["callers"] == callers]
    if not unary:
        raise SystemExit(f"valutai bench predict has no figure for {callers} callers")
    print(f"ValutAI: {unary[0]['per_second']:.0f} calls/s by {callers} callers, p99 {unary[0]['p99_ms']:.1f} ms, stored")
    return unary[0]["per_second"]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--valutai", required=True, help="the program")
    options.add_argument("--calls", type=int, default=5000, help="calls of the peer")
    options.add_argument("--callers", type=int, default=64, help="callers at once")
    wanted = options.parse_args()
    valutai = pathlib.Path(wanted.valutai).resolve()
    with tempfile.TemporaryDirectory() as folder:
        theirs = peer(pathlib.Path(folder), valutai, wanted.callers, wanted.calls)
    print(f"ratio {ours(valutai, wanted.callers) / theirs:.2f}")


if __name__ == "__main__":
    sys.exit(main())
