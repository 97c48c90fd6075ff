"""A pipeline forecast, recomputed from the file, the decisions that were recorded, and the probabilities that it lists.

Everything is computed anew: what is left open, the shock of months (DerSimonian and Laird 1986), how long quotes take (Kaplan
and Meier 1958), and the draws themselves, by a generator of Python's own from another seed. Quantiles of two simulations
differ by chance: a told quantile agrees where it lies between those of our draws at q - 4 s and q + 4 s, s being
sqrt(q (1 - q) (1 / told draws + 1 / own draws)), so that one figure in 16,000 is called different by chance. Deliberately
without the model, whose answers are taken as the report lists them.
"""

import csv
import datetime
import math
import random
from collections import defaultdict

DRAWS = 20_000
MONTHS = 6


def decisions(path, options):
    """Of each quote its outcome and day, the last line counting."""
    if not path:
        return {}
    with open(path, encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    return {line[options.name]: datetime.date.fromisoformat(line["on"]) for line in lines}


def month_shock(rows, options):
    if not options.date:
        return None
    months = defaultdict(lambda: [0, 0])
    for row in rows:
        if row[options.outcome] in (options.won, options.lost):
            month = months[row[options.date][:7]]
            month[0] += 1
            month[1] += row[options.outcome] == options.won
    months = [tuple(of) for of in months.values() if of[0] >= 10]
    if len(months) < 6:
        return None
    quotes = sum(n for n, _ in months)
    rate = sum(won for _, won in months) / quotes
    spread = rate * (1 - rate)
    weights = [n / spread for n, _ in months]
    q = math.fsum(w * (won / n - rate) ** 2 for (n, won), w in zip(months, weights))
    total = math.fsum(weights)
    between = (q - len(months) + 1) / (total - math.fsum(w * w for w in weights) / total)
    return math.sqrt(max(0.0, between)) / spread


class Survival:
    """The share of quotes that takes longer than so many days."""

    def __init__(self, took, waited):
        self.decided, self.open = len(took), len(waited)
        events = defaultdict(lambda: [0, 0])
        for days in took:
            events[max(0, days)][0] += 1
        for days in waited:
            events[max(0, days)][1] += 1
        left, share, self.steps = len(took) + len(waited), 1.0, []
        for days in sorted(events):
            ended, censored = events[days]
            if ended:
                share *= 1 - ended / left
                self.steps.append((days, share))
            left -= ended + censored

    def longer(self, days):
        share = 1.0
        for at, of in self.steps:
            if at > days:
                break
            share = of
        return share

    def within(self, age, days):
        now = self.longer(age)
        return 1 - self.longer(age + days) / now if now > 1e-9 else 0.0

    def quantile(self, share):
        return next((days for days, longer in self.steps if longer <= 1 - share + 1e-12), None)


def month_ends(today):
    first = today.replace(day=1)
    ends = []
    for _ in range(MONTHS):
        first = (first + datetime.timedelta(days=32)).replace(day=1)
        ends.append(first)
    return ends


def logit(p):
    p = min(max(p, 1e-9), 1 - 1e-9)
    return math.log(p / (1 - p))


def draw(quotes, months, shock, model_error, parts):
    """Sums of all draws, ascending: of everything, of each part, of each month."""
    chance = random.Random(271828)
    ready = []
    for quote in quotes:
        error = quote["error"] if model_error else 0.0
        centre = logit(quote["p"]) * math.sqrt(1 + math.pi * (error * error + shock * shock) / 8)
        ready.append((centre, error, quote["amount"], quote["by"], quote["part"]))
    sums = {"all": [], **{part: [] for part in parts}, **{month: [] for month in range(months + 1)}}
    for _ in range(DRAWS):
        model = chance.gauss(0, 1)
        shocks = [chance.gauss(0, shock) if shock else 0.0 for _ in range(months + 1)]
        got = dict.fromkeys(sums, 0.0)
        for centre, error, amount, by, part in ready:
            month = months
            if by:
                when = chance.random()
                month = next((at for at, share in enumerate(by) if when < share), months)
            if chance.random() < 1 / (1 + math.exp(-(centre + error * model + shocks[month]))):
                got["all"] += amount
                got[month] += amount
                if part in got:
                    got[part] += amount
        for key, amount in got.items():
            sums[key].append(amount)
    return {key: sorted(of) for key, of in sums.items()}


def same_quantiles(what, told, sums, draws, check):
    for name, q in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
        spread = 4 * math.sqrt(q * (1 - q) * (1 / draws + 1 / len(sums)))
        at = lambda share: sums[min(len(sums) - 1, max(0, round(share * (len(sums) - 1))))]
        low, high = at(q - spread), at(q + spread)
        inside = low - 1e-6 <= told[name] <= high + 1e-6
        check.same(f"{what} {name} ({low:.6g} to {high:.6g})", told[name], told[name] if inside else at(q))


def pipeline(report, rows, options, check):
    today = datetime.date.fromisoformat(report["generated_at"][:10])
    recorded = decisions(options.decisions, options)
    all_open = [row for row in rows if row[options.outcome] == options.open]
    still = {row[options.name]: row for row in all_open if row[options.name] not in recorded}
    prices = {name: float(row[options.price]) for name, row in still.items()}
    check.same("quotes with an outcome since", report["recorded"], len(all_open) - len(still))
    check.same("open quotes", report["quotes"], len(prices))
    check.same("amount", report["amount"], math.fsum(prices.values()))
    listed = report["largest"]
    check.same("listed quotes", len(listed), len(prices))
    for quote in listed:
        check.same(f"{quote['name']}: amount", quote["amount"], prices.get(quote["name"]))
    expected = math.fsum(prices[quote["name"]] * quote["probability"] for quote in listed)
    check.same("expected", report["total"]["expected"], expected)
    check.same("expected wins", report["expected_wins"], math.fsum(quote["probability"] for quote in listed))
    shock = month_shock(rows, options)
    check.same("shock of months", report["month_shock"], shock)

    made = lambda row: datetime.date.fromisoformat(row[options.date])
    took = [(recorded[row[options.name]] - made(row)).days for row in rows if row[options.name] in recorded] if options.date else []
    cycle = None
    if len(took) >= 30:
        cycle = Survival(took, [(today - made(row)).days for row in still.values()])
        told = report["cycle"]
        check.same("decided quotes with a day", told["decided"], cycle.decided)
        check.same("open quotes with a day", told["open"], cycle.open)
        check.same("median days", told["median_days"], cycle.quantile(0.5))
        check.same("days of nearly all", told["slow_days"], cycle.quantile(0.95))
    else:
        check.same("days to a decision", report["cycle"], None)

    ends = month_ends(today)
    shown = {owner["name"] for owner in report["owners"]}
    quotes = []
    for quote in listed:
        low, high = quote["interval"]["low"], quote["interval"]["high"]
        by = []
        if cycle:
            age = max(0, (today - made(still[quote["name"]])).days)
            by = [cycle.within(age, (end - datetime.timedelta(days=1) - today).days) for end in ends]
        owner = quote["owner"] if quote["owner"] in shown else "others, or none"
        quotes.append({
            "p": quote["probability"], "amount": quote["amount"], "by": by,
            "error": max(0.0, (logit(high) - logit(low)) / (2 * 1.959963984540054)),
            "part": owner if shown else None,
        })
    sums = draw(quotes, MONTHS, shock or 0.0, True, shown)
    same_quantiles("total", report["total"], sums["all"], report["draws"], check)
    alone = draw(quotes, MONTHS, 0.0, False, set())
    same_quantiles("independent", report["independent"], alone["all"], report["draws"], check)
    for owner in report["owners"]:
        own = [quote for quote in quotes if quote["part"] == owner["name"]]
        what = f"owner {owner['name']}"
        check.same(f"{what}: quotes", owner["quotes"], len(own))
        check.same(f"{what}: amount", owner["amount"], math.fsum(quote["amount"] for quote in own))
        check.same(f"{what}: expected", owner["won"]["expected"], math.fsum(quote["p"] * quote["amount"] for quote in own))
        same_quantiles(what, owner["won"], sums[owner["name"]], report["draws"], check)
    for at, month in enumerate(report["months"]):
        share = lambda by: (by[at] if at < len(by) else 1.0) - (by[at - 1] if at else 0.0)
        what = f"month {month['name']}"
        if at < MONTHS:
            check.same(what, month["name"] == (ends[at] - datetime.timedelta(days=1)).isoformat()[:7], True)
        check.same(f"{what}: quotes", month["quotes"], math.fsum(share(quote["by"]) for quote in quotes))
        check.same(f"{what}: amount", month["amount"], math.fsum(share(q["by"]) * q["amount"] for q in quotes))
        worth = math.fsum(share(q["by"]) * q["amount"] * q["p"] for q in quotes)
        check.same(f"{what}: expected", month["won"]["expected"], worth)
        same_quantiles(what, month["won"], sums[at], report["draws"], check)
