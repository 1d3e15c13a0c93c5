"""Write `docs/reliability.md` from the result of `make soak`.

    python scripts/reliability.py [RESULT]

RESULT is `.work/soak/kills.json` by default. The page has only what that run has shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from math import comb
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / ".work" / "soak" / "kills.json"
PAGE = ROOT / "docs" / "reliability.md"
CONFIDENCE = 0.95
WANTED, WANTED_IN_EACH = 200, 20

HEAD = """# Reliability

Written by `python scripts/reliability.py` from a run of `make soak`: nothing here is typed by hand.
`make soak` kills the executor (SIGKILL) inside the windows of an order's life while it trades two
venues, starts it again, and audits the exchange's ledger together with its own: no entry doubled,
no order or fill lost, equal positions, nothing without a stop for more than 5 s of a life, no alert
lost, an intact ledger. The trace of the killed process says in which window it died.
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


def page(result: Mapping[str, Any]) -> str:
    """The page of one result."""
    windows: Mapping[str, int] = result["windows"]
    violations = list(result["violations"])
    total = sum(windows.values()) + int(result["elsewhere"])
    # A round is audited once: a violation counts against one kill.
    failures = min(len(violations), total)
    lines = [HEAD, "| killed in | kills |", "| --- | ---: |"]
    lines += [f"| {name} | {count} |" for name, count in windows.items()]
    lines += [f"| elsewhere | {result['elsewhere']} |", f"| **all** | **{total}** |", ""]
    bound = upper_bound(failures, total)
    lines += [
        f"Rounds: {result['rounds']}. Kills: {total}. Failures: {failures}. Upper 95 % bound of",
        f"the chance that a kill loses, doubles or unprotects something: {bound:.1%}.",
    ]
    enough = total >= WANTED and min(windows.values(), default=0) >= WANTED_IN_EACH
    if not enough:
        lines += [
            "",
            f"This run was short: the aim is {WANTED} kills with {WANTED_IN_EACH} in each window,",
            "which `make soak` does by default.",
        ]
    if violations:
        lines += ["", "## Failures", "", *(f"- {text}" for text in violations)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULT
    if not source.is_file():
        sys.exit(f"error: {source} does not exist; run `make soak` first")
    PAGE.write_text(page(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
