"""Write `docs/reliability.md` from the results of `make soak`.

    python scripts/reliability.py [FOLDER]

FOLDER is `.work/soak` by default. The page has only what those runs have shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from math import comb
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".work" / "soak"
PAGE = ROOT / "docs" / "reliability.md"
CONFIDENCE = 0.95
WANTED, WANTED_IN_EACH = 200, 20
STORES = {"sqlite": "The ledger in SQLite", "postgresql": "The ledger in PostgreSQL"}

HEAD = """# Reliability

`python scripts/reliability.py` writes this page from a run of `make soak`; no figure is typed by
hand.

## Kills

The executor is killed (SIGKILL) inside the windows of an order's life while it trades two venues,
and started again. Then the exchange's ledger is audited together with its own: no entry doubled,
no order or fill lost, equal positions, nothing without a stop for more than 5 s of a life, no
alert lost, an intact ledger. The trace of the killed process says in which window it died:
*commit* (the intent into the ledger), *send* (from there to the request), *answer* (the request
is out), *fill* (a trade is applied), *stop* (from a stop's request to its proof by a listing).

The figures are those of the commit that each section names. Where the executor has changed since,
they say nothing of the change: `git log COMMIT.. -- executor` lists what came later.
"""
DAYS = """
## Days of faults

24 hours of the market at both venues, in which every kind of fault strikes a few times at random
(seeded): answers and requests lost, limits, events lost, doubled and out of order, streams that
end, restarts, a clock that jumps, stops that die, orders cancelled by others. The same audit
looks at them. Speed is a multiple of the market's, memory the most that was resident (MiB), growth
that of the median between the second and the last quarter of the day (MiB an hour).

| seed | faults | positions | speed | memory | growth | violations |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""
REPEAT = """
## Repeat it

```console
$ make soak
$ python scripts/reliability.py
```

`make soak ROUNDS=4 DAYS=1` is a short run. Every seed is fixed: round N of the kills and day N
are the same faults each time. `pytest -m slow tests/faults` holds the drills of single faults (F1
to F26), and `tests/faults/test_mutations.py` shows that they notice an executor whose query, id,
gap filling, parsing or recording is broken; `tests/executor/test_crash_points.py` shows it of the
commit.
"""


def upper_bound(failures: int, runs: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound (Clopper and Pearson) of the chance of a failure; 1 without runs."""
    if failures >= runs:
        return 1.0
    low, high = failures / runs, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        seen = sum(
            comb(runs, k) * middle**k * (1 - middle) ** (runs - k) for k in range(failures + 1)
        )
        low, high = (middle, high) if seen > 1 - confidence else (low, middle)
    return high


def page(
    kills: Mapping[str, Mapping[str, Any]],
    days: Sequence[Mapping[str, Any]],
    again: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """The page of these results; ``again`` has the rounds that were repeated, by store."""
    parts = [HEAD]
    for store, result in kills.items():
        parts.append(_kills(STORES[store], result))
        if again and store in again:
            parts.append(_repeated(again[store]))
    if len(kills) > 1:
        parts.append(_both(list(kills.values())))
    if days:
        parts.append(DAYS + "".join(f"{_day(day)}\n" for day in days))
        parts += [f"\n- seed {day['seed']}: {text}" for day in days for text in day["violations"]]
    return "".join([*parts, REPEAT])


def _kills(title: str, result: Mapping[str, Any]) -> str:
    windows: Mapping[str, int] = result["windows"]
    violations = list(result["violations"])
    total = _total(result)
    # A round is audited once: a violation counts against one kill.
    failures = min(len(violations), total)
    lines = ["", f"### {title}", "", "| killed in | kills |", "| --- | ---: |"]
    lines += [f"| {name} | {count} |" for name, count in windows.items()]
    lines += [f"| elsewhere | {result['elsewhere']} |", f"| **all** | **{total}** |", ""]
    lines += [
        f"Rounds: {result['rounds']}. Kills: {total}. Failures: {failures}. Upper 95 % bound of",
        f"the chance that a kill loses, doubles or unprotects something:"
        f" {upper_bound(failures, total):.1%}.",
    ]
    if "load" in result:
        lines.append(f"Load (median): {result['load']} on {result['processors']} processors.")
    lines += _commit_of(result)
    if total < WANTED or min(windows.values(), default=0) < WANTED_IN_EACH:
        lines += [
            "",
            f"This run was short: the aim is {WANTED} kills with {WANTED_IN_EACH} in each window,",
            "which `make soak` does by default.",
        ]
    if violations:
        lines += ["", "Failures:", "", *(f"- {text}" for text in violations)]
    return "\n".join(lines) + "\n"


def _commit_of(result: Mapping[str, Any]) -> list[str]:
    """Say which executor was killed: a later one may write its orders in another way."""
    return [f"Commit of the executor: {result['commit']}."] if result.get("commit") else []


def _total(result: Mapping[str, Any]) -> int:
    return int(sum(result["windows"].values()) + result["elsewhere"])


def _both(results: Sequence[Mapping[str, Any]]) -> str:
    """All kills, whatever the store."""
    total = sum(map(_total, results))
    failures = min(total, sum(len(result["violations"]) for result in results))
    least = min(
        sum(result["windows"].get(name, 0) for result in results) for name in results[0]["windows"]
    )
    return (
        f"\n### Both\n\nKills: {total}, at least {least} in each window. Failures: {failures}."
        f" Upper 95 % bound: {upper_bound(failures, total):.1%}.\n"
    )


def _repeated(result: Mapping[str, Any]) -> str:
    """The rounds that were run again."""
    seeds = ", ".join(map(str, result["seeds"]))
    lines = [
        f"\nSeeds run again: {seeds}. Kills: {_total(result)}.",
        f"Failures: {len(result['violations'])}.",
        f"Load (median): {result['load']} on {result['processors']} processors.",
        *_commit_of(result),
        "",
    ]
    return "\n".join([*lines, *(f"- {text}\n" for text in result["violations"])])


def _day(day: Mapping[str, Any]) -> str:
    names = ("seed", "faults", "positions", "speed", "memory_mib", "growth_mib_an_hour")
    values = [*(str(day[name]) for name in names), str(len(day["violations"]))]
    return f"| {' | '.join(values)} |"


def main() -> None:
    """Write the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    kills = {store: _read(folder / f"kills-{store}.json") for store in STORES}
    known = {store: result for store, result in kills.items() if result}
    if not known:
        sys.exit(f"error: {folder} has no results of kills; run `make soak` first")
    again = {store: _read(folder / f"again-{store}.json") for store in STORES}
    repeated = {store: result for store, result in again.items() if result}
    days = _read(folder / "days.json") or []
    PAGE.write_text(page(known, days, repeated), encoding="utf-8")
    print(f"wrote {PAGE}")


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


if __name__ == "__main__":
    main()
