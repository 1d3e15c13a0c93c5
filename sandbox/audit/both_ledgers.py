"""Checks of a run against both ledgers: the executor's record and the exchange's."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.audit.exchange_ledger import AuditReport, audit_tables, read_ledger
from sandbox.audit.ledger import decimal_of
from sandbox.audit.protection import WALL, Span, longest_ms, margin_spans, spot_spans
from sandbox.engines.common.money import ZERO
from trading.errors import DataError

Row = Mapping[str, Any]
# Orders of the exchange itself, and orders that others placed.
FOREIGN = ("autoclose-", "adl_autoclose", "settlement_autoclose-", "web_")
PROTECTED_WITHIN_MS = 5_000
USDM, SPOT = "binance_usdm", "binance_spot"
ENTRY_LEGS = ("en",)


def audit_both(
    exchange: Path,
    executor: Path,
    within_ms: int = PROTECTED_WITHIN_MS,
    within_wall_ms: int | None = None,
) -> AuditReport:
    """Audit the exchange's ledger, then compare the executor's with it (I1 to I7).

    I4 and I6 are of margin: spot has no position but its trades, which I3 compares. ``within_ms``
    is market time, which stands still in lockstep. ``within_wall_ms`` also bounds wall time, after
    the executor's last start.
    """
    tables = read_ledger(exchange)
    report = audit_tables(tables)
    both = _read_executor(executor)
    known, known_spot = (
        {table: [row for row in rows if _at(row, venue)] for table, rows in both.items()}
        for venue in (USDM, SPOT)
    )
    own = [row for row in tables["orders"] if not row["client_id"].startswith(FOREIGN)]
    own_spot = [row for row in tables["spot_orders"] if not row["client_id"].startswith(FOREIGN)]
    own_ids = {row["client_id"] for row in known_spot["orders"]}
    report.violations += [
        *_check_single_entry(own, known["orders"]),
        *_check_single_entry(own_spot, known_spot["orders"]),
        *_check_orders_known([*own, *tables["algo_orders"]], known["orders"]),
        *_check_orders_known(own_spot, known_spot["orders"]),
        *_check_fills(tables["fills"], known["fills"]),
        *_check_fills(tables["spot_fills"], known_spot["fills"]),
        *_check_positions(tables["positions"], known["positions"]),
        *_exceeds("a position", margin_spans(tables), within_ms),
        *_exceeds("a spot position", spot_spans(tables, own_ids), within_ms),
        *_check_not_reversed(tables["fills"]),
        *_check_trading_state(both["events"], both["orders"]),
    ]
    if within_wall_ms is not None:
        starts = [row["wall_time"] for row in both["events"] if row["type"] == "system_started"]
        report.violations += [
            *_exceeds("a position", margin_spans(tables, WALL), within_wall_ms, starts),
            *_exceeds("a spot position", spot_spans(tables, own_ids, WALL), within_wall_ms, starts),
        ]
    return report


def _at(row: Row, venue: str) -> bool:
    """Whether a row belongs to a venue; ledgers without venues are of USDⓈ-M."""
    return str(row.get("venue", USDM)) == venue


def _read_executor(path: Path) -> dict[str, list[Row]]:
    if not path.is_file():
        raise DataError(f"{path}: no such ledger; the executor keeps it in its state folder")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            there = {row["name"] for row in connection.execute("select name from sqlite_master")}
            # Ledgers of other programs have no events: they never say that entries are off.
            names = ("orders", "fills", "positions", *({"events"} & there))
            read: dict[str, list[Row]] = {
                table: [dict(row) for row in connection.execute(f"select * from {table}")]
                for table in names
            }
            return {"events": [], **read}
    except sqlite3.DatabaseError as error:
        raise DataError(f"{path}: not an executor's ledger ({error})") from error


def _check_single_entry(accepted: Iterable[Row], known: Iterable[Row]) -> list[str]:
    """Check I1: at most one filled entry order per decision."""
    keys = {row["client_id"]: row["key"] for row in known if row["leg"] in ENTRY_LEGS}
    filled = {row["order_id"]: row for row in accepted if decimal_of(row["filled"]) > 0}
    entries = Counter(keys[row["client_id"]] for row in filled.values() if row["client_id"] in keys)
    return [f"I1: decision {key} entered {n} times" for key, n in entries.items() if n > 1]


def _check_orders_known(accepted: Iterable[Row], known: Iterable[Row]) -> list[str]:
    """Check I2: the executor knows every order that the exchange accepted from it."""
    names = {row["client_id"] for row in known}
    missing = dict.fromkeys(row["client_id"] for row in accepted if row["client_id"] not in names)
    return [f"I2: order {name} was accepted and the executor does not know it" for name in missing]


def _check_fills(happened: Iterable[Row], known: Iterable[Row]) -> list[str]:
    """Check I3: the same trades, with quantity, price and fee."""
    own = [row for row in happened if not row["client_id"].startswith(FOREIGN)]
    known = list(known)
    twice = _ids_given_twice(known)
    ours = {_trade_key(row, twice): row for row in own}
    theirs = {_trade_key(row, twice): row for row in known}
    found = [
        f"I3: trade {key[1]} is not in the executor's ledger" for key in ours.keys() - theirs.keys()
    ]
    found += [
        f"I3: trade {key[1]} of {row['client_id']} never happened"
        for key, row in theirs.items()
        if key not in ours and not row["client_id"].startswith(FOREIGN)
    ]
    for key in ours.keys() & theirs.keys():
        for name in ("price", "quantity", "fee"):
            ours_value, theirs_value = ours[key][name], theirs[key][name]
            if decimal_of(ours_value) != decimal_of(theirs_value):
                found.append(
                    f"I3: trade {key[1]}: {name} is {theirs_value}, the exchange has {ours_value}"
                )
    return found


def _ids_given_twice(known: Iterable[Row]) -> set[tuple[str, str]]:
    """Trade ids that the exchange gave again after a rollback: the executor adds their times."""
    given = Counter((row["symbol"], _trade_id(row)) for row in known)
    return {key for key, times in given.items() if times > 1}


def _trade_key(row: Row, twice: set[tuple[str, str]]) -> tuple[str, str]:
    name = _trade_id(row)
    if (row["symbol"], name) in twice:
        name = f"{name}@{row['time'] if 'time' in row else row['market_ms']}"
    return row["symbol"], name


def _trade_id(row: Row) -> str:
    return str(row["trade_id"]).partition("@")[0]


def _check_positions(happened: Iterable[Row], known: Iterable[Row]) -> list[str]:
    """Check I4: the same positions at the end."""
    latest = {(row["symbol"], row["position_side"]): row for row in happened}
    ours: dict[str, Decimal] = defaultdict(Decimal)
    for (symbol, _), row in latest.items():
        ours[symbol] += decimal_of(row["amount"])
    theirs: dict[str, Decimal] = defaultdict(Decimal)
    for row in known:
        if not row["closed_at"]:
            theirs[row["symbol"]] += row["side"] * decimal_of(row["quantity"])
    return [
        f"I4: {symbol}: the executor holds {theirs[symbol]}, the exchange {ours.get(symbol, ZERO)}"
        for symbol in sorted(ours.keys() | theirs.keys())
        if theirs[symbol] != ours.get(symbol, ZERO)
    ]


def _exceeds(
    what: str, spans: Iterable[Span], allowed: int, starts: Sequence[int] | None = None
) -> list[str]:
    """Check I5: nothing is without a stop for longer than allowed, after a start where given."""
    longest = longest_ms(spans, starts or ())
    if longest <= allowed:
        return []
    clock = "ms" if starts is None else "ms of wall time"
    return [f"I5: {what} had no stop for {longest} {clock}; {allowed} ms are allowed"]


def _check_trading_state(events: Iterable[Row], orders: Iterable[Row]) -> list[str]:
    """Check I7: no entry is decided while entries are off by command."""
    changes = [
        (row["time"], json.loads(row["data"])["halt"] != "running")
        for row in events
        if row["type"] == "entries_changed"
    ]
    found = []
    for order in orders if changes else ():
        before = [halted for time, halted in changes if time < order["created_at"]]
        if order["leg"] in ENTRY_LEGS and order["status"] != "rejected" and before[-1:] == [True]:
            found.append(f"I7: entry {order['client_id']} was sent after a halt")
    return found


def _check_not_reversed(fills: Iterable[Row]) -> list[str]:
    """Check I6: no closing order reverses a position."""
    return [
        f"I6: trade {row['trade_id']} of {row['client_id']} closed a position and opened another"
        for row in fills
        if decimal_of(row["closed"]) > 0 and decimal_of(row["opened"]) > 0
    ]
