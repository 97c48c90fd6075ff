"""Price curves and money left of a price report, recomputed from what the exported model answers.

`questions` writes the quotes of the report at other prices, in a file for `valutai score`; `prices` computes the report's
figures from the answers. So the averages, the sampling, the changes and the money are computed anew, and the model's
answers are not. Deliberately without the intervals of money left, which need the model's covariances.
"""

import csv
import json
import math
from collections import defaultdict

WAY = 5


def asked(report, rows, options):
    """Keys and quotes, in the order of the file of questions."""
    decided = [row for row in rows if row[options.outcome] in (options.won, options.lost)]
    priced = [row for row in decided if row[options.price] and float(row[options.price]) > 0]
    for at, curve in enumerate(report["curves"]):
        of_it = [row for row in priced if not curve["group"] or row[curve["column"]].strip() == curve["group"]]
        step = -(-len(of_it) // 100)
        for point in curve["points"]:
            for row in of_it[::step]:
                yield ("curve", at, point["ratio"], len(of_it)), {**row, options.price: repr(float(row[options.price]) * point["ratio"])}
    named = {row[options.name]: row for row in decided}
    for at, quote in enumerate(report["left"]["largest"]):
        row = named[quote["name"]]
        for step in range(WAY + 1):
            price = quote["price"] + (quote["best_price"] - quote["price"]) * step / WAY
            yield ("left", at, step, 0), {**row, options.price: repr(price)}


def questions(report, rows, options, check):
    columns = [name for name in rows[0] if name != options.outcome]
    with open(options.out, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for _, row in asked(report, rows, options))


def prices(report, rows, options, check):
    curves, wins = defaultdict(list), {}
    with open(options.predictions, encoding="utf-8") as lines:
        for ((kind, at, place, number), row), line in zip(asked(report, rows, options), lines, strict=True):
            prediction = json.loads(line)
            prediction = prediction.get("prediction", prediction)
            told = tuple(prediction.get(f"win_probability{end}", 0.0) for end in ("", "_low", "_high"))
            if kind == "curve":
                curves[at, place, number].append(told)
            else:
                wins[at, place] = (told[0], float(row[options.price]), row)
    averaged = {}
    for (at, ratio, number), answers in curves.items():
        curve = report["curves"][at]
        what = f"curve {curve['group'] or 'of all'} at {ratio}"
        point = next(point for point in curve["points"] if point["ratio"] == ratio)
        mean = [math.fsum(of) / len(answers) for of in zip(*answers)]
        averaged[at, ratio] = mean
        check.same(f"{what}: quotes", curve["quotes"], number)
        check.same(f"{what}: averaged", curve["averaged"], len(answers))
        check.same(f"{what}: chance", point["probability"], mean[0])
        check.same(f"{what}: lower end", point["interval"]["low"], mean[1])
        check.same(f"{what}: upper end", point["interval"]["high"], mean[2])
    for at, curve in enumerate(report["curves"]):
        changes = [then - now for then, now in zip(averaged[at, 1.1], averaged[at, 1.0])]
        what = f"curve {curve['group'] or 'of all'}: ten per cent"
        check.same(what, curve["ten_per_cent"], changes[0])
        check.same(f"{what}, lower", curve["ten_per_cent_interval"]["low"], min(changes))
        check.same(f"{what}, upper", curve["ten_per_cent_interval"]["high"], max(changes))
    left = report["left"]
    total = 0.0
    for at, quote in enumerate(left["largest"]):
        now, price, row = wins[at, 0]
        then, best, _ = wins[at, WAY]
        cost = float(row[options.cost]) if options.cost else 0.0
        money = (then * (best - cost) - now * (price - cost)) / now
        what = f"money left by {quote['name']}"
        check.same(f"{what}: won", row[options.outcome] == options.won, True)
        check.same(f"{what}: price", quote["price"], float(rows_price(rows, options)[quote["name"]]))
        check.same(f"{what}: chance", quote["probability"][0], now)
        check.same(f"{what}: chance at the best price", quote["probability"][1], then)
        check.same(what, quote["left"], money, 1e-6)
        check.same(f"{what}: far below", best >= 1.05 * price, True)
        rises = any(wins[at, step][0] > now for step in range(1, WAY + 1))
        check.same(f"{what}: falls all the way", rises, False)
        total += money
    if left["far_below"] == len(left["largest"]):
        check.same("money left", left["left"], total, 1e-6)
    if left["groups"]:
        check.same("money left by group", math.fsum(group["left"] for group in left["groups"]), left["left"])
        check.same("wins far below by group", sum(group["far_below"] for group in left["groups"]), left["far_below"])
    reasons = sum(reason["wins"] for reason in left["reasons"])
    check.same("wins", left["wins"], left["far_below"] + reasons)
    check.same("not judged", left["not_judged"], sum(r["wins"] for r in left["reasons"] if not r["judged"]))


def rows_price(rows, options):
    return {row[options.name]: row[options.price] for row in rows}
