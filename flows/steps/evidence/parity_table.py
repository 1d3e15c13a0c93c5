"""The table ``parity``: what was compared of a day, and which days demote a hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from flows.steps.evidence.hypotheses import Look
from lake.store import Lake
from lake.tables import PARITY
from trading.candles import DAY_MS

MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class ParityResult:
    """What the comparison of one UTC day found; ``rows`` are those of the table."""

    day: str
    rows: tuple[dict[str, Any], ...]
    rolled_back: str = ""
    """The release that trades again after a difference; empty where none does."""

    def count(self, verdict: str, *what: str) -> int:
        """Number of rows with a verdict, of all or of some kinds."""
        return sum(r["verdict"] == verdict and (not what or r["what"] in what) for r in self.rows)

    @property
    def differences(self) -> tuple[dict[str, Any], ...]:
        """The rows that differ."""
        return tuple(row for row in self.rows if row["verdict"] == "different")

    @property
    def sentence(self) -> str:
        """What was compared, and what it found."""
        decisions = [row for row in self.rows if row["what"] in ("enter", "exit")]
        trades = [row for row in self.rows if row["what"] == "trade"]
        if not self.rows:
            return f"{self.day}: nothing was decided or closed, so nothing was compared"
        text = f"{self.day}: {len(decisions)} decisions and {len(trades)} trades compared"
        for verdict in ("different", "explained", "not compared"):
            count = self.count(verdict)
            text += f", {count} {verdict}" if count else ""
        if not self.differences:
            return f"{text}; no difference"
        named = "; ".join(described(row) for row in self.differences[:MOST_NAMED])
        more = len(self.differences) - MOST_NAMED
        text = f"{text}: {named}" + (f"; and {more} more" if more > 0 else "")
        return f"{text}; {self.rolled_back} trades again" if self.rolled_back else text


def described(row: dict[str, Any]) -> str:
    """Name a row and its reason in one phrase."""
    moment = f"{row['bar_time']:%H:%M}"
    return f"{row['strategy']} {row['symbol']} {moment}: {row['reason']}"


def write_parity(lake: Lake, day: str, rows: Sequence[dict[str, Any]]) -> None:
    """Replace what was compared of a day."""
    table = pa.Table.from_pylist(list(rows), schema=PARITY.schema)
    lake.write(PARITY, table, day=day)


def read_parity(lake: Lake, day: str) -> list[dict[str, Any]]:
    """Return what was compared of a day before; empty if nothing was."""
    rows: list[dict[str, Any]] = lake.read(PARITY, day=day).to_pylist()
    return rows


def key_of_row(row: dict[str, Any]) -> tuple[Any, ...]:
    """Name a row within its day."""
    return tuple(row[name] for name in PARITY.key)


def differing(rows: Sequence[dict[str, Any]]) -> frozenset[tuple[Any, ...]]:
    """Return the keys of the rows that differ."""
    return frozenset(key_of_row(row) for row in rows if row["verdict"] == "different")


def differences_by_day(lake: Lake, look: Look, venue: str, as_of: datetime) -> dict[int, str]:
    """Return what differed of a frozen candidate, by day since 1970, known at ``as_of``."""
    found: dict[int, str] = {}
    members = look.findings["members"]
    for row in lake.read(PARITY, as_of=as_of).to_pylist():
        own = row["strategy"] == look.name and row["venue"] == venue and row["symbol"] in members
        if own and row["verdict"] == "different":
            day = int(datetime.fromisoformat(f"{row['day']}+00:00").timestamp() * 1000) // DAY_MS
            found.setdefault(day, described(row))
    return found
