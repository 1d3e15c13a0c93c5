"""What the executor did on one UTC day, out of the exported ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.steps.evidence.received import Instrument, ReceivedColumns, received_candles
from lake.store import Lake
from lake.tables import EVENTS, FILLS, ORDERS, POSITIONS, RECEIVED_CANDLES
from trading.candles import DAY_MS, MINUTE_MS

Row = Mapping[str, Any]

ADOPTED = "adopted"
RELEASE_SOUGHT_DAYS = 40
"""How far back the change to the release in use is looked for."""
REPLACED = "strategies.set."
"""Settings with this prefix replace a strategy's parameters of the release."""
OF_SETTINGS = ("system_started", "config_changed")


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """A strategy on an instrument."""

    strategy: str
    symbol: str
    venue: str


@dataclass(frozen=True, slots=True)
class Stint:
    """A span (ms) in which a release decided for some subjects, in one run of the executor.

    ``crashed`` says that the run ended without a stop, at about ``end_ms``.
    """

    release_id: str
    begin_ms: int
    end_ms: int
    subjects: frozenset[Subject]
    crashed: bool


@dataclass(frozen=True, slots=True)
class LiveDay:
    """The day's inputs and outputs; times in ms. Rows keep the names of the ledger's columns.

    ``heard`` has the received candles by venue and symbol. ``replaced`` are, by strategy, the
    parameters of the release that the settings replaced at any time of the day. ``signals`` are the
    data of signals, ``positions`` those that were open on the day or closed on it.
    """

    begin_ms: int
    end_ms: int
    heard: Mapping[Instrument, ReceivedColumns]
    stints: Sequence[Stint]
    replaced: Mapping[str, frozenset[str]]
    signals: Sequence[tuple[Subject, Row]]
    positions: Sequence[Row]
    orders: Mapping[str, Row]
    fills: Mapping[int, Sequence[Row]]

    @property
    def day(self) -> str:
        """``2025-06-19``."""
        return f"{datetime.fromtimestamp(self.begin_ms / 1000, UTC):%Y-%m-%d}"


def read_live_day(lake: Lake, begin: datetime, as_of: datetime, history_days: int) -> LiveDay:
    """Read the UTC day that begins at ``begin``, with received candles of the days before."""
    begin_ms = _ms(begin)
    end_ms = begin_ms + DAY_MS
    events = _events(lake, begin, as_of)
    positions = _positions(lake, begin, as_of)
    # However long ago the oldest of them was opened.
    oldest = min((_ms(row["bar_time"]) for row in positions), default=begin_ms)
    days = max(0, -((oldest - begin_ms) // DAY_MS))
    return LiveDay(
        begin_ms=begin_ms,
        end_ms=end_ms,
        heard=received_candles(_tables(lake, RECEIVED_CANDLES, begin, as_of, history_days), events),
        stints=_stints(events, end_ms),
        replaced=_replaced(events, begin_ms, end_ms),
        signals=_signals(events, begin_ms, end_ms),
        positions=[row for row in positions if _ms(row["opened_at"]) < end_ms],
        orders={row["client_id"]: row for row in _rows(lake, ORDERS, begin, as_of, days)},
        fills=_fills(lake, begin, as_of, days, {row["id"] for row in positions}),
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _positions(lake: Lake, begin: datetime, as_of: datetime) -> list[Row]:
    """Positions that were open on the day or closed on it or later, of whatever age."""
    last = f"{begin + timedelta(days=1):%Y-%m-%d}"
    found: list[Row] = []
    for partition in lake.partitions(POSITIONS):
        if partition.values["day"] <= last:
            read = lake.read_partition(partition, as_of)
            closed = read["closed_at"]
            still = pc.or_kleene(pc.is_null(closed), pc.greater_equal(closed, begin))
            found += read.filter(still).to_pylist()
    return found


def trade_doubt(lake: Lake, position: Row, as_of: datetime) -> str:
    """Why the research code cannot trade a closed position again; empty where it can.

    It has one set of parameters for the whole trade, and the ATR of the candle: not settings that
    replaced parameters of the release for a part of it, nor the range that a forecast gave.
    """
    opened, closed, strategy = (
        _ms(position["bar_time"]),
        position["closed_at"],
        position["strategy"],
    )
    replaced: set[str] = set()
    for partition in lake.partitions(EVENTS):
        day = partition.values["day"]
        if not f"{position['bar_time']:%Y-%m-%d}" <= day <= f"{closed:%Y-%m-%d}":
            continue
        read = lake.read_partition(partition, as_of)
        wanted = pa.array(["config_changed", "signal_generated"], read["type"].type)
        for event in read.filter(pc.is_in(read["type"], wanted)).to_pylist():
            data = json.loads(event["data"])
            if event["type"] == "config_changed" and opened <= _ms(event["time"]) <= _ms(closed):
                changed = {**data.get("overrides", {}), **data.get("changes", {})}
                names = [name.removeprefix(REPLACED).partition(".") for name in changed]
                replaced |= {parameter for own, _, parameter in names if own == strategy}
            elif event["id"] == position["cause"]:
                replaced |= set(data.get("overrides", {}))
                known, used = data.get("atr") or 0.0, position["atr"]
                if used != known:
                    return f"its levels follow a forecast: a range of {used:g}, {known:g} by ATR"
    if replaced:
        return f"the settings replaced {', '.join(sorted(replaced))} for a part of the trade"
    return ""


def _rows(lake: Lake, table: Any, begin: datetime, as_of: datetime, days: int) -> list[Row]:
    """Rows of the partitions from ``days`` before the day up to the one after it."""
    return [row for part in _tables(lake, table, begin, as_of, days) for row in part.to_pylist()]


def _tables(
    lake: Lake, table: Any, begin: datetime, as_of: datetime, days: int
) -> Iterator[pa.Table]:
    first = begin - timedelta(days=days)
    last = f"{begin + timedelta(days=1):%Y-%m-%d}"
    for partition in lake.partitions(table):
        if f"{first:%Y-%m-%d}" <= partition.values["day"] <= last:
            yield lake.read_partition(partition, as_of)


def _events(lake: Lake, begin: datetime, as_of: datetime) -> list[Row]:
    """Events of the day and the one after, and of those before back to the change of release.

    Of still earlier days, back to the start of that run, only what its settings were.
    """
    found = _rows(lake, EVENTS, begin, as_of, 0)
    begin_ms = _ms(begin)
    for back in range(1, RELEASE_SOUGHT_DAYS + 1):
        before = [event for event in found if _ms(event["time"]) <= begin_ms]
        last = max((event["id"] for event in before), default="")
        known = [event["type"] for event in before]
        own = [event["type"] for event in before if event["id"][:4] == last[:4]]
        if "release_changed" in known and "system_started" in own:
            break
        day = f"{begin - timedelta(days=back):%Y-%m-%d}"
        read = lake.read(EVENTS, as_of=as_of, day=day)
        if "release_changed" in known:
            read = read.filter(pc.is_in(read["type"], pa.array(OF_SETTINGS, read["type"].type)))
        found += read.to_pylist()
    return sorted(found, key=lambda event: event["id"])


def _stints(events: Sequence[Row], end_ms: int) -> list[Stint]:
    """Spans of one release each, by run: an event's id begins with the number of its run."""
    stints: list[Stint] = []
    runs = sorted({event["id"][:4] for event in events})
    for number in runs:
        own = [event for event in events if event["id"].startswith(f"{number}-")]
        changes = [event for event in own if event["type"] == "release_changed"]
        if not changes:
            # It had no release, or a later run took one before the day: it decided nothing then.
            continue
        stopped = own[-1]["type"] == "system_stopped"
        crashed = not stopped and number != runs[-1]
        last = _ms(own[-1]["time"]) if stopped or crashed else end_ms
        ends = [_ms(event["time"]) for event in changes[1:]] + [last]
        for event, end in zip(changes, ends, strict=True):
            data = json.loads(event["data"])
            stints.append(
                Stint(
                    release_id=data["release_id"],
                    begin_ms=_ms(event["time"]),
                    end_ms=end,
                    subjects=frozenset(map(_subject, data["strategies"])),
                    crashed=crashed and end == last,
                )
            )
    return stints


def _replaced(events: Sequence[Row], begin_ms: int, end_ms: int) -> dict[str, frozenset[str]]:
    """Parameters that the settings, or the runners still at work, had replaced on the day."""
    found: set[tuple[str, str]] = set()
    now: set[tuple[str, str]] = set()
    for event in events:
        moment = _ms(event["time"])
        if moment >= end_ms:
            break
        if moment >= begin_ms:
            found |= now
        if event["type"] == "system_started":
            now = set()
        elif event["type"] == "config_changed":
            data = json.loads(event["data"])
            overrides = {name: ("none", value) for name, value in data.get("overrides", {}).items()}
            for name, (_, new) in {**overrides, **data.get("changes", {})}.items():
                if name.startswith(REPLACED):
                    strategy, _, parameter = name.removeprefix(REPLACED).partition(".")
                    (now.discard if new == "none" else now.add)((strategy, parameter))
        elif event["type"] == "signal_generated" and moment >= begin_ms:
            data = json.loads(event["data"])
            found |= {(data["strategy"], name) for name in data.get("overrides", {})}
    found |= now
    return {
        strategy: frozenset(name for own, name in found if own == strategy) for strategy, _ in found
    }


def _subject(text: str) -> Subject:
    """``breakout BTCUSDT.binance_usdm``."""
    strategy, _, instrument = text.partition(" ")
    symbol, _, venue = instrument.rpartition(".")
    return Subject(strategy, symbol, venue)


def _signals(events: Sequence[Row], begin_ms: int, end_ms: int) -> list[tuple[Subject, Row]]:
    """Signals whose candles closed on the day."""
    found = []
    for event in events:
        if event["type"] != "signal_generated":
            continue
        data = json.loads(event["data"])
        if begin_ms <= data["bar_time"] + MINUTE_MS < end_ms:
            found.append((Subject(data["strategy"], event["symbol"], event["venue"]), data))
    return found


def _fills(
    lake: Lake, begin: datetime, as_of: datetime, days: int, wanted: set[int]
) -> dict[int, list[Row]]:
    """Fills by position, oldest first; ids of trades count where times are equal."""
    found: dict[int, list[Row]] = {}
    for row in _rows(lake, FILLS, begin, as_of, days):
        if row.get("position_id") in wanted:
            found.setdefault(row["position_id"], []).append(row)
    for own in found.values():
        own.sort(key=lambda row: (row["time"], len(row["trade_id"]), row["trade_id"]))
    return found
