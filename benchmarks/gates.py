"""Size and power of the gates, on markets whose truth is known: how often each verdict is right.

Seven parts, minutes each on two cores:

- ``rules``: drawn searches of 100 combinations, by the gates and by the older rules beside them;
- ``lines``: the Sharpe ratio × √years from which an edge is found with 95 %, in one test and by
  the evidence of unseen days;
- ``family``: 150 symbols × 12 strategies × 30 nights of noise under the budget of looks;
- ``ruin``: the risk of ruin that 120 days claim, beside what comes true in the year after;
- ``noise``: five real strategies on random walks, without costs and with the default ones, and on
  real minutes in shuffled blocks;
- ``power``: edges planted into minutes, three strengths in each of three shapes;
- ``models``: the same for models, with noise and planted leaks.

On noise, a count may exceed 5 % by what chance allows once in a hundred runs, and a power may fall
short of 95 % by as much.

    python benchmarks/gates.py [--part PART] [--markets 100] [--write]

``--write`` puts the tables of the parts into docs/search.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import _gate_family as family
import _gate_models as models
import _gate_ruin as ruin
import _gate_rules as rules
import _gate_searches as searches
from _gate_markets import SHAPES, planted, random_walk, shuffled_candles
from _targets import Targets

from trading.model_targets import DIRECTION, MODEL_TARGETS

Rows = list[tuple[str, ...]]

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "search.md"
DRIFTS = (1e-5, 2e-5, 4e-5)
DRIFTS_OF = {"one regime": (2e-5, 4e-5, 8e-5)}
NEAR_THE_LINE = (("one parameter region", 1e-5), ("one regime", 2e-5))
"""Edges so weak that 20 markets do not tell a power of 95 % from one of 85 %."""
LINE = 3.3
"""Sharpe ratio × √years from which one hypothesis is to be found with 95 %."""
FIXED_TESTS = {1: 10, 9: 4, 162: 2}
"""How often each fixed test is drawn, in markets: with many hypotheses it takes long."""
NOISE_DAYS, EDGE_DAYS = 60, 180


def rules_part(targets: Targets, count: int) -> Rows:
    """Drawn searches, by every rule."""
    found: Rows = [("truth", "correlation", "these gates", "PBO ≤ 0.2", "DSR ≥ 0.95")]
    for shape in rules.SHAPES:
        for correlation in (0.5, 0.9):
            row = rules.promoted(shape, correlation, count)
            name = f"{shape}, correlation {correlation}"
            shares = (row.ability_and_loss, row.overfitting, row.deflated)
            found.append((shape, f"{correlation}", *(f"{share:.0%}" for share in shares)))
            _check(targets, name, row.ability_and_loss, count, noise=shape == "noise")
    return found


def lines_part(targets: Targets, count: int) -> Rows:
    """The power at the lines of the claim, and the size of the evidence."""
    found: Rows = [("hypotheses", "one test at", "found", "evidence at", "confirmed")]
    for hypotheses, (fixed, unseen) in family.RATIOS.items():
        drawn = FIXED_TESTS[hypotheses] * count
        tested = family.power_of_fixed_test(fixed, hypotheses, drawn)
        confirmed = family.power_of_evidence(unseen, hypotheses, 4 * count)
        row = (f"{fixed}", f"{tested:.1%} of {drawn}", f"{unseen}", f"{confirmed:.0%}")
        found.append((f"{hypotheses}", *row))
        _check(targets, f"one test of {hypotheses}, ratio {fixed}", tested, drawn)
        _check(targets, f"evidence, 1 of {hypotheses}, ratio {unseen}", confirmed, 4 * count)
    size = family.size_of_evidence(4 * count)
    _check(targets, "evidence on fat-tailed noise", size, 4 * count, noise=True)
    found.append(("1, noise", "–", "–", "0", f"{size:.1%}"))
    return found


def family_part(targets: Targets, count: int) -> Rows:
    """False proofs in whole families of noise."""
    found: Rows = [("nights", "families", "looks", "with a false proof", "falsely confirmed")]
    for nights, families in ((30, count), (120, count // 3)):
        size = family.FamilySize(symbols=150, strategies=12, nights=nights)
        counts = family.family_of_noise(max(20, families), size)
        figures = (counts.families, counts.looks, counts.false, counts.confirmed)
        found.append((f"{nights}", *(f"{figure}" for figure in figures)))
        share = counts.false / counts.families
        _check(targets, f"families of {nights} nights, proven", share, counts.families, noise=True)
    return found


def ruin_part(targets: Targets, count: int) -> Rows:
    """The claimed risk of ruin, beside the true one."""
    found: Rows = [("market", "Sharpe", "claimed", "came true", "beyond the envelope")]
    for market in ruin.MARKETS:
        for sharpe in ruin.SHARPES:
            counts = ruin.ruin_counts(market, sharpe, count)
            shares = (counts.claimed, counts.true, counts.beyond)
            found.append((market, f"{sharpe:g}", *(f"{share:.1%}" for share in shares)))
            name = f"ruin, {market}, Sharpe {sharpe:g}"
            targets.at_most(name, counts.true - counts.claimed, 0.15, "true − claimed")
    return found


def noise_part(targets: Targets, count: int) -> Rows:
    """Real strategies on noise."""
    cases = []
    for seed in range(count):
        for name in searches.STRATEGIES:
            walk = partial(random_walk, days=NOISE_DAYS)
            cases.append(searches.Case("random walk, no costs", name, seed, walk, 0.0, 0.0))
            cases.append(searches.Case("random walk, default costs", name, seed, walk))
    for seed in range(max(10, count // 5)):
        for name in searches.STRATEGIES:
            symbol = ("BTCUSDT", "ETHUSDT")[seed % 2]
            real = partial(shuffled_candles, symbol=symbol, days=NOISE_DAYS)
            cases.append(searches.Case("shuffled minutes, no costs", name, seed, real, 0.0, 0.0))
    found: Rows = [("noise", "markets × strategies", "promoted", "superior ability alone")]
    for group, counts in searches.count(cases).items():
        figures = (f"{counts.markets}", f"{counts.promoted}", f"{counts.superior}")
        found.append((group, *figures))
        _check(targets, group, counts.promoted / counts.markets, counts.markets, noise=True)
    return found


def power_part(targets: Targets, count: int) -> Rows:
    """Planted edges in parameters: a strength counts from the line of the claim on."""
    few = max(8, count // 5)
    cases = [
        searches.Case(
            f"{shape}|{drift:g}",
            "breakout",
            seed,
            partial(planted, days=EDGE_DAYS, shape=shape, drift=drift),
            planted=True,
        )
        for shape in SHAPES
        for drift in DRIFTS_OF.get(shape, DRIFTS)
        for seed in range(count if (shape, drift) in NEAR_THE_LINE else few)
    ]
    head = ("edge", "drift a minute", "Sharpe × √years", "promoted", "refused by")
    found: Rows = [head]
    for group, counts in searches.count(cases).items():
        shape, drift = group.split("|")
        refused = ", ".join(f"{name} {times}" for name, times in counts.refused_by.most_common(3))
        share = f"{counts.promoted} of {counts.markets}"
        found.append((shape, drift, f"{counts.ratio:.1f}", share, refused or "–"))
        if counts.ratio >= LINE:
            power = counts.promoted / counts.markets
            _check(targets, f"{shape}, drift {drift}", power, counts.markets)
    return found


def models_part(targets: Targets, count: int) -> Rows:
    """Planted edges, noise and leaks for models of direction."""
    each = max(8, count // 10)
    found: Rows = [("models", "net edge", "promoted")]
    for shape, (share, edges) in models.SHAPES.items():
        for place, net in enumerate(edges):
            cases = [models.ModelCase(DIRECTION, seed, share, net) for seed in range(each)]
            counted = models.count(cases)
            found.append((shape, f"{1e4 * net:.0f} bp", f"{counted} of {each}"))
            if place:
                _check(targets, f"models, {shape}, {1e4 * net:.0f} bp", counted / each, each)
    noise = [models.ModelCase(t, s) for s in range(count // 2) for t in _TARGETS]
    counted = models.count(noise)
    found.append(("noise", "0", f"{counted} of {len(noise)}"))
    _check(targets, "models on noise", counted / len(noise), len(noise), noise=True)
    leaks = [models.ModelCase(DIRECTION, seed, leak=True) for seed in range(each)]
    counted = models.count(leaks)
    found.append(("leak of the coming hour", "–", f"{counted} of {each}"))
    targets.at_most("planted leaks promoted", counted, 0.0, "models")
    return found


_TARGETS = tuple(MODEL_TARGETS)
PARTS: dict[str, Callable[[Targets, int], Rows]] = {
    "rules": rules_part,
    "lines": lines_part,
    "family": family_part,
    "ruin": ruin_part,
    "noise": noise_part,
    "power": power_part,
    "models": models_part,
}


def _check(targets: Targets, name: str, share: float, count: int, *, noise: bool = False) -> None:
    """Check a size of 5 % or a power of 95 %, with what chance allows once in a hundred."""
    allowed = 0.05 + family.chance(0.05, count)
    if noise:
        targets.at_most(name, share, allowed, "promoted")
    else:
        targets.at_most(name, 1.0 - share, allowed, "refused")


def table_of(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Write a Markdown table; the first row is its head."""
    for place, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if place == 0:
            yield f"| {' | '.join('---' for _ in row)} |"


def write(part: str, rows: Rows) -> None:
    """Replace the table of a part in the document, between its two marks."""
    begin, end = f"<!-- gates: {part} -->\n", f"<!-- gates: end of {part} -->"
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{DOCUMENT} has no place for the table of {part}")
    table = "\n".join(table_of(rows))
    DOCUMENT.write_text(f"{before}{begin}{table}\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Print the tables and check their targets."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--part", choices=tuple(PARTS), action="append")
    options.add_argument("--markets", type=int, default=100)
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    targets = Targets()
    for part in chosen.part or PARTS:
        print(f"-- {part}", flush=True)
        rows = PARTS[part](targets, chosen.markets)
        print("\n".join(table_of(rows)), flush=True)
        if chosen.write:
            write(part, rows)
    targets.finish()


if __name__ == "__main__":
    main()
