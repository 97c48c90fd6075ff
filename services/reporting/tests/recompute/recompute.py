"""Recomputes the figures of reports from the files that were imported, with nothing of ValutAI's own code.

    python3 recompute.py win_loss REPORT.json QUOTES.csv --outcome COLUMN --won WORD --lost WORD
    python3 recompute.py pipeline REPORT.json QUOTES.csv --outcome COLUMN --won WORD --lost WORD --open WORD --price COLUMN --name COLUMN [--date COLUMN] [--decisions FILE]
    python3 recompute.py discounts REPORT.json QUOTES.csv --outcome COLUMN --won WORD --lost WORD --price COLUMN --list COLUMN
    python3 recompute.py questions REPORT.json QUOTES.csv --outcome COLUMN --won WORD --lost WORD --price COLUMN --name COLUMN --out FILE
    python3 recompute.py prices REPORT.json QUOTES.csv --outcome COLUMN --won WORD --lost WORD --price COLUMN --name COLUMN [--cost COLUMN] --predictions FILE
    python3 recompute.py track REPORT.json QUOTES.csv --outcome COLUMN --won WORD --lost WORD --name COLUMN --predictions FILE

REPORT.json is what `valutai reports get ID --format json` wrote; the file of predictions is what `valutai -o json predict`,
`valutai -o json predictions list`, or, for prices, `valutai -o json score` printed; that of decisions is a CSV with the quotes'
names, and their days in the column "on". The formulas are written here once more, from their sources. Ends with 1 where a
figure differs. Deliberately the standard library alone.
"""

import argparse
import csv
import json
import math
import statistics
import sys
from collections import defaultdict

from forecast import pipeline
from prices import prices, questions

NORMAL = statistics.NormalDist()
Z = NORMAL.inv_cdf(0.975)


class Check:
    """Counts figures that agree, and tells those that do not."""

    def __init__(self):
        self.agreed, self.differing = 0, 0

    def same(self, what, told, own, tolerance=1e-9):
        if told is None or own is None:
            agrees = told is None and own is None
        else:
            agrees = abs(told - own) <= tolerance * max(1.0, abs(own))
        if agrees:
            self.agreed += 1
        else:
            self.differing += 1
            print(f"DIFFERS {what}: the report says {told}, the file {own}")

    def end(self):
        print(f"{self.agreed} figures agree, {self.differing} differ")
        return 1 if self.differing else 0


def wilson(won, quotes):
    rate, scale = won / quotes, 1 + Z * Z / quotes
    centre = (rate + Z * Z / (2 * quotes)) / scale
    half = Z / scale * math.sqrt(rate * (1 - rate) / quotes + Z * Z / (4 * quotes * quotes))
    return max(0.0, centre - half), min(1.0, centre + half)


def compared(first, second):
    """Newcombe's interval of the difference, and the two-sided p-value of the pooled z-test."""
    (won1, n1), (won2, n2) = first, second
    p1, p2 = won1 / n1, won2 / n2
    (low1, high1), (low2, high2) = wilson(*first), wilson(*second)
    pooled = (won1 + won2) / (n1 + n2)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    z = (p2 - p1) / spread if spread else 0.0
    difference = p2 - p1
    low = difference - math.hypot(p2 - low2, high1 - p1)
    high = difference + math.hypot(high2 - p2, p1 - low1)
    testable = min(n1, n2) * min(pooled, 1 - pooled) >= 5
    return difference, (low, high), 2 * NORMAL.cdf(-abs(z)), testable


def corrected(p_values):
    """Benjamini and Hochberg (1995)."""
    order = sorted(range(len(p_values)), key=lambda at: -p_values[at])
    result, least = [0.0] * len(p_values), 1.0
    for place, at in enumerate(order):
        least = min(least, p_values[at] * len(p_values) / (len(p_values) - place))
        result[at] = least
    return result


def number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


def decided(rows, options):
    known = {options.won: True, options.lost: False}
    return [(row, known[row[options.outcome]]) for row in rows if row[options.outcome] in known]


def win_loss(report, rows, options, check):
    quotes = decided(rows, options)
    all_won = sum(won for _, won in quotes)
    data = report["dataset"]
    check.same("decided quotes", data["row_count"], len(quotes))
    check.same("wins", data["won_count"], all_won)
    low, high = wilson(all_won, len(quotes))
    check.same("win rate", data["win_rate"], all_won / len(quotes))
    check.same("its lower end", data["win_rate_interval"]["low"], low)
    check.same("its upper end", data["win_rate_interval"]["high"], high)
    tested = []
    for column in report["columns"]:
        name = column["column"]
        # Bands of prices are cut by the report; columns of categories are counted here.
        if not quotes or name not in quotes[0][0] or column["ordered"]:
            tested = None
            continue
        tallies = defaultdict(lambda: [0, 0])
        for row, won in quotes:
            tallies[row[name].strip()][0] += won
            tallies[row[name].strip()][1] += 1
        for group in column["groups"]:
            won, count = tallies[group["name"]]
            what = f"{name} {group['name']}"
            others = (all_won - won, len(quotes) - count)
            difference, (low, high), p, testable = compared(others, (won, count))
            check.same(f"{what}: quotes", group["quotes"], count)
            check.same(f"{what}: won", group["won"], won)
            check.same(f"{what}: lower end", group["interval"]["low"], wilson(won, count)[0])
            check.same(f"{what}: upper end", group["interval"]["high"], wilson(won, count)[1])
            check.same(f"{what}: difference", group["difference"], difference)
            check.same(f"{what}: its lower end", group["difference_interval"]["low"], low)
            check.same(f"{what}: its upper end", group["difference_interval"]["high"], high)
            if tested is not None and testable:
                tested.append((what, group["adjusted_p_value"], p))
    # The correction can be repeated where every group that was tested is shown.
    if tested is not None and len(tested) == report["groups_tested"]:
        for (what, told, _), own in zip(tested, corrected([p for _, _, p in tested])):
            check.same(f"{what}: adjusted p", told, own, 1e-6)


def discounts(report, rows, options, check):
    quotes = []
    for row, won in decided(rows, options):
        price, listed = number(row[options.price]), number(row[options.list])
        if price > 0 and listed > 0:
            quotes.append((row, won, 1 - price / listed, listed))
    found = []
    for told in report["discounts"]:
        group = [q for q in quotes if not told["group"] or q[0][told["column"]].strip() == told["group"]]
        ordered = sorted(discount for _, _, discount, _ in group)
        median = ordered[(len(ordered) - 1) // 2]
        deep = [q for q in group if q[2] > median]
        small = [q for q in group if q[2] <= median]
        tally = lambda some: (sum(won for _, won, _, _ in some), len(some))
        difference, (low, high), p, _ = compared(tally(small), tally(deep))
        (won1, n1), (won2, n2) = ((won + 1, n + 2) for won, n in (tally(small), tally(deep)))
        p1, p2 = won1 / n1, won2 / n2
        error = math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
        mean = math.fsum(q[2] for q in small) / len(small)
        cost = math.fsum(listed * (discount - mean) for _, won, discount, listed in deep if won)
        what = told["group"] or "all quotes"
        check.same(f"{what}: median", told["median"], median)
        for name, own in (("deep", tally(deep)), ("shallow", tally(small))):
            check.same(f"{what}: {name} wins", told[name][0], own[0])
            check.same(f"{what}: {name} quotes", told[name][1], own[1])
        check.same(f"{what}: difference", told["difference"], difference)
        check.same(f"{what}: its lower end", told["interval"]["low"], low)
        check.same(f"{what}: its upper end", told["interval"]["high"], high)
        check.same(f"{what}: given away", told["cost"], cost)
        found.append((what, told, p, NORMAL.cdf((p2 - p1 - 0.05) / error)))
    for (what, told, _, _), own in zip(found, corrected([p for _, _, p, _ in found])):
        check.same(f"{what}: p of a difference", told["p_helped"], own, 1e-6)
    for (what, told, _, _), own in zip(found, corrected([p for _, _, _, p in found])):
        check.same(f"{what}: p of five points", told["p_nothing"], own, 1e-6)


def told(path):
    """Probabilities by name, of lines of predictions or of a list of them, the newest first counting."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    decoder, at, all_of_it = json.JSONDecoder(), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        all_of_it += value.get("predictions", [value.get("prediction", value)])
    said = {}
    for prediction in all_of_it:
        said.setdefault(prediction["quote_ref"], prediction.get("win_probability", 0.0))
    return said


def student(degrees):
    """The 97.5 % quantile of Student's t, by bisection of its density summed with Simpson's rule."""
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    density = lambda x: scale * (1 + x * x / degrees) ** (-(degrees + 1) / 2)

    def below(t, parts=2_000):
        step = t / parts
        inner = sum((4 if at % 2 else 2) * density(at * step) for at in range(1, parts))
        return 0.5 + step / 3 * (density(0) + inner + density(t))

    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < 0.975 else (low, middle)
    return low


def same_mean(what, figure, values, check):
    """A mean with the interval of Student's t."""
    mean = math.fsum(values) / len(values)
    half = student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    check.same(what, figure["value"], mean)
    check.same(f"{what}: lower end", figure["interval"]["low"], mean - half, 1e-6)
    check.same(f"{what}: upper end", figure["interval"]["high"], mean + half, 1e-6)


def track(report, rows, options, check):
    said = told(options.predictions)
    judged = [(said[row[options.name]], won) for row, won in decided(rows, options) if row[options.name] in said]
    same_scores("all", report["all"], judged, check)
    check.same("outcomes without a prediction", report["unjoined"], len(decided(rows, options)) - len(judged))
    check.same("predictions", sum(month["predictions"] for month in report["predicted"]), len(said))
    if len(report["predicted"]) == 1:
        check.same("mean of all predictions", report["predicted"][0]["mean"], math.fsum(said.values()) / len(said))
        own = math.fsum(p * (1 - p) for p in said.values()) / len(said)
        check.same("Brier score to be expected of them", report["predicted"][0]["expected_brier"], own, 1e-8)
    # Rows of about equal count, ascending.
    at, distance = 0, 0.0
    ordered = sorted(judged)
    for place, told_bin in enumerate(report["reliability"]):
        of_it = ordered[at : at + told_bin["count"]]
        at += told_bin["count"]
        won = sum(of for _, of in of_it)
        what = f"row {place + 1} of the reliability"
        check.same(f"{what}: said", told_bin["mean_predicted"], math.fsum(p for p, _ in of_it) / len(of_it))
        check.same(f"{what}: won", told_bin["observed_rate"], won / len(of_it))
        for end, own in zip(("low", "high"), wilson(won, len(of_it))):
            check.same(f"{what}: {end}", told_bin["interval"][end], own, 1e-8)
        distance += abs(math.fsum(p - of for p, of in of_it))
    check.same("quotes of the reliability", at, len(ordered))
    check.same("mean distance", report["all"]["calibration_error"]["value"], distance / len(ordered))
    if len(report["periods"]) == 1 and report["periods"][0]["scores"]["quotes"] == len(judged):
        # Holm's correction of one test changes nothing.
        same_scores(report["periods"][0]["name"], report["periods"][0]["scores"], judged, check)


def same_scores(what, scores, judged, check):
    n = len(judged)
    squares = [(p - won) ** 2 for p, won in judged]
    losses = [-math.log(p if won else 1 - p) for p, won in judged]
    base = sum(won for _, won in judged) / n
    base_losses = [-math.log(base if won else 1 - base) for _, won in judged]
    check.same(f"{what}: quotes", scores["quotes"], n)
    check.same(f"{what}: won", scores["won"], sum(won for _, won in judged))
    check.same(f"{what}: mean said", scores["mean_predicted"], math.fsum(p for p, _ in judged) / n)
    same_mean(f"{what}: Brier score", scores["brier"], squares, check)
    same_mean(f"{what}: log loss", scores["log_loss"], losses, check)
    same_mean(f"{what}: gain over base", scores["gain_over_base"], [b - l for b, l in zip(base_losses, losses)], check)
    check.same(f"{what}: promised Brier score", scores["expected_brier"]["value"], math.fsum(p * (1 - p) for p, _ in judged) / n)
    entropy = math.fsum(-p * math.log(p) - (1 - p) * math.log(1 - p) for p, _ in judged) / n
    check.same(f"{what}: promised log loss", scores["expected_log_loss"]["value"], entropy)
    won = [p for p, of in judged if of]
    lost = [p for p, of in judged if not of]
    above = sum((a > b) + 0.5 * (a == b) for a in won for b in lost)
    check.same(f"{what}: AUC", scores["auc"]["value"], above / (len(won) * len(lost)))
    variance = math.fsum(p * (1 - p) * math.log(p / (1 - p)) ** 2 for p, _ in judged)
    worse = 1 - NORMAL.cdf((math.fsum(losses) - n * entropy) / math.sqrt(variance))
    check.same(f"{what}: p of worse", scores["worse_p_value"], worse, 1e-6)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = {
        "win_loss": win_loss,
        "pipeline": pipeline,
        "discounts": discounts,
        "questions": questions,
        "prices": prices,
        "track": track,
    }
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("report")
    parser.add_argument("quotes")
    for option in ("outcome", "won", "lost", "open", "price", "list", "cost", "name", "date", "predictions", "decisions", "out"):
        parser.add_argument(f"--{option}")
    options = parser.parse_args()
    with open(options.report, encoding="utf-8") as file:
        report = json.load(file)
    with open(options.quotes, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    check = Check()
    kinds[options.kind](report, rows, options, check)
    return check.end()


if __name__ == "__main__":
    sys.exit(main())
