"""Writes the recorded results again; read the difference before you commit it.

    $ python -m tests.trading.recorded.record                  # all of them
    $ python -m tests.trading.recorded.record decisions trades

A change of a rule changes them on purpose. Any other change must not.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from tests.trading.recorded import (
    accounts,
    decisions,
    declarations,
    inputs,
    portfolios,
    refusals,
    searches,
    statistics,
    structures,
    trades,
)
from tests.trading.recorded.markets import FOLDER

RECORDED: dict[str, Callable[[], dict[str, Any]]] = {
    "decisions": lambda: {
        name: {**case._asdict(), "lines": decisions.decisions(case)}
        for name, case in decisions.cases().items()
    },
    "declarations": declarations.recorded,
    "trades": trades.recorded,
    "accounts": accounts.recorded,
    "structures": structures.recorded,
    "statistics": statistics.recorded,
    "inputs": inputs.recorded,
    "refusals": refusals.recorded,
    "portfolios": portfolios.recorded,
    "searches": searches.recorded,
}


def main(names: list[str]) -> None:
    """Write the files of the names given, all without any."""
    os.environ["NOCTURNE_COMPILE"] = "never"
    for name in names or RECORDED:
        text = json.dumps(RECORDED[name](), indent=0, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
