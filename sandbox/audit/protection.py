"""How long positions had no stop resting at the exchange, by either clock of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.audit.ledger import decimal_of

Row = Mapping[str, Any]
Key = tuple[str, str, str]
Span = tuple[int, int]
MARKET, WALL = "market_ms", "wall_ms"
DUST = Decimal("0.01")
"""What is left of a spot position may be less than a step; above this share it is held."""
RESTING = ("NEW", "PARTIALLY_FILLED")


class ProtectionTimer:
    """Follows holdings and their stops; ``spans`` are the times without one, from and to (ms)."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._held: set[Key] = set()
        self._stops: defaultdict[Key, set[int]] = defaultdict(set)
        self._since: dict[Key, int] = {}

    def hold(self, key: Key, time: int, *, held: bool) -> None:
        """Note whether something is held."""
        if held:
            self._held.add(key)
        else:
            self._held.discard(key)
        self._note(key, time)

    def stop(self, key: Key, time: int, number: int, *, rests: bool) -> None:
        """Note whether a stop rests."""
        if rests:
            self._stops[key].add(number)
        else:
            self._stops[key].discard(number)
        self._note(key, time)

    def _note(self, key: Key, time: int) -> None:
        if key in self._held and not self._stops[key]:
            self._since.setdefault(key, time)
        elif key in self._since:
            self.spans.append((self._since.pop(key), time))


def longest_ms(spans: Iterable[Span], starts: Iterable[int] = ()) -> int:
    """Return the longest span; one over which ``starts`` fall counts from the last of them.

    While no executor lives, nobody can protect: ``starts`` are the times at which one began.
    """
    known = list(starts)
    return max(
        (end - max([begin, *(s for s in known if begin < s <= end)]) for begin, end in spans),
        default=0,
    )


def margin_spans(tables: Mapping[str, list[Row]], clock: str = MARKET) -> list[Span]:
    """Return when margin positions had no stop at the exchange."""
    changes: list[tuple[int, int, str, Row]] = []
    for kind in ("positions", "algo_orders"):
        changes.extend((row[clock], row["seq"], kind, row) for row in tables[kind])
    changes.sort(key=lambda change: (change[0], change[2] == "positions", change[1]))
    timer = ProtectionTimer()
    for time, _, kind, row in changes:
        key = (row["account"], row["symbol"], row["position_side"])
        if kind == "positions":
            timer.hold(key, time, held=decimal_of(row["amount"]) != 0)
        elif row["status"] != "NEW" or _protects(row):
            timer.stop(key, time, row["algo_id"], rests=row["status"] == "NEW")
    return timer.spans


def spot_spans(
    tables: Mapping[str, list[Row]], own: Container[str], clock: str = MARKET
) -> list[Span]:
    """Return when coins that the orders ``own`` bought had no stop at the exchange."""
    changes: list[tuple[int, int, str, Row]] = []
    for kind in ("spot_fills", "spot_orders"):
        rows = (row for row in tables[kind] if row["client_id"] in own)
        changes.extend((row[clock], row["seq"], kind, row) for row in rows)
    changes.sort(key=lambda change: (change[0], change[2] == "spot_fills", change[1]))
    timer = ProtectionTimer()
    held: defaultdict[Key, Decimal] = defaultdict(Decimal)
    most: defaultdict[Key, Decimal] = defaultdict(Decimal)
    for time, _, kind, row in changes:
        key = (row["account"], row["symbol"], "")
        if kind == "spot_fills":
            quantity = decimal_of(row["quantity"])
            held[key] += quantity if row["side"] == "BUY" else -quantity
            most[key] = max(most[key], held[key])
            timer.hold(key, time, held=held[key] > most[key] * DUST)
        elif row["side"] == "SELL" and row["type"].startswith("STOP_LOSS"):
            timer.stop(key, time, row["order_id"], rests=row["status"] in RESTING)
    return timer.spans


def _protects(row: Row) -> bool:
    stopping = row["type"] in ("STOP_MARKET", "STOP", "TRAILING_STOP_MARKET")
    return stopping and bool(row["close_position"] or row["reduce_only"])
