"""Checks of a run against the exchange's own ledger: money, fills, positions, order states."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.audit.ledger import decimal_of
from sandbox.audit.protection import longest_ms, margin_spans
from sandbox.audit.spot import check_spot
from sandbox.audit.tables import TABLES
from sandbox.engines.common.money import ZERO, plain
from trading.errors import DataError

Row = Mapping[str, Any]
FINAL = ("FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED", "FINISHED")
SHOWN = 20
PositionKey = tuple[str, str, str]


@dataclass(slots=True)
class AuditReport:
    """A summary of the ledger, and one sentence for each violation."""

    orders: int = 0
    conditional_orders: int = 0
    fills: int = 0
    round_trips: int = 0
    refused_requests: int = 0
    reused_client_ids: int = 0
    open_positions: int = 0
    longest_unprotected_ms: int = 0
    wallets: dict[str, str] = field(default_factory=dict)
    income: dict[str, str] = field(default_factory=dict)
    spot_balances: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Format the report as JSON."""
        return json.dumps(asdict(self), indent=2)

    def to_text(self) -> str:
        """Format the report as lines of text."""
        lines = [f"{name}: {value}" for name, value in asdict(self).items() if name != "violations"]
        lines.append(f"violations: {len(self.violations)}")
        lines.extend(f"  {text}" for text in self.violations[:SHOWN])
        return "\n".join(lines)


def audit_ledger(path: Path) -> AuditReport:
    """Check a ledger file; ``DataError`` when it is not one."""
    return audit_tables(read_ledger(path))


def digest_ledger(path: Path) -> str:
    """Hash all that a ledger holds except wall times (SHA-256, hexadecimal).

    The column ``wall_ms`` and the ``timestamp`` of signed requests are left out. The same requests
    at the same market times of a replay with the same seed give the same digest.
    """
    found = hashlib.sha256()
    for table, rows in read_ledger(path).items():
        for row in rows:
            kept = {name: value for name, value in row.items() if name != "wall_ms"}
            if table == "requests":
                params = json.loads(kept["params"])
                params.pop("timestamp", None)
                kept["params"] = params
            found.update(json.dumps([table, kept], sort_keys=True).encode() + b"\n")
    return found.hexdigest()


def read_ledger(path: Path) -> dict[str, list[Row]]:
    """Read all rows of a ledger file except those that a rollback lost."""
    if not path.is_file():
        raise DataError(f"{path}: no such ledger; `nocturne sandbox serve --ledger` writes one")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            tables = {name: _rows(connection, name) for name in TABLES}
    except sqlite3.DatabaseError as error:
        raise DataError(f"{path}: not a sandbox ledger ({error})") from error
    return _without_lost(tables)


def _without_lost(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Remove the rows that a restart with rollback lost: the exchange itself forgot them."""
    lost = [json.loads(row["detail"]) for row in tables["events"] if row["kind"] == "rollback"]
    kept = dict(tables)
    for span in lost:
        for name, rows in kept.items():
            if name not in ("requests", "events", "meta"):
                first, last = span["from"][name], span["to"][name]
                kept[name] = [row for row in rows if not first < row["seq"] <= last]
    return kept


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    there = connection.execute("select 1 from sqlite_master where name = ?", (table,)).fetchone()
    if there is None and table.startswith("spot_"):
        return []
    columns = ", ".join(("seq", "market_ms", "wall_ms", *TABLES[table]))
    found = connection.execute(f"select {columns} from {table} order by seq").fetchall()
    return [dict(row) for row in found]


def audit_tables(tables: Mapping[str, list[Row]]) -> AuditReport:
    """Check the rows of all tables."""
    report = AuditReport(
        orders=len({row["order_id"] for row in tables["orders"]}),
        conditional_orders=len({row["algo_id"] for row in tables["algo_orders"]}),
        fills=len(tables["fills"]),
        refused_requests=sum(
            1 for row in tables["requests"] if row["status"] >= 400 or row["code"]
        ),
        reused_client_ids=_reused(tables["orders"]),
    )
    _check_money(report, tables)
    _check_states(report, tables["orders"], "order_id", "order")
    _check_states(report, tables["algo_orders"], "algo_id", "conditional order")
    _check_orders(report, tables)
    _check_positions(report, tables)
    report.longest_unprotected_ms = longest_ms(margin_spans(tables))
    check_spot(report, tables)
    return report


def _reused(orders: Iterable[Row]) -> int:
    ids = Counter(row["client_id"] for row in orders if row["execution"] == "NEW")
    return sum(1 for count in ids.values() if count > 1)


def _check_money(report: AuditReport, tables: Mapping[str, list[Row]]) -> None:
    """Check that each wallet is the sum of its changes, and profit and fees those of the fills."""
    wallets: dict[str, Decimal] = defaultdict(Decimal)
    kinds: dict[str, Decimal] = defaultdict(Decimal)
    for row in tables["balances"]:
        amount = decimal_of(row["amount"])
        wallets[row["account"]] += amount
        kinds[row["kind"]] += amount
        if wallets[row["account"]] != decimal_of(row["wallet"]):
            report.violations.append(
                f"balance {row['seq']}: wallet {row['wallet']} is not the sum of its changes "
                f"{wallets[row['account']]}"
            )
    profit = sum((decimal_of(row["realised"]) for row in tables["fills"]), ZERO)
    fees = sum((decimal_of(row["fee"]) for row in tables["fills"]), ZERO)
    if profit != kinds["REALIZED_PNL"]:
        report.violations.append(f"fills realised {profit}, wallets {kinds['REALIZED_PNL']}")
    if fees != -kinds["COMMISSION"]:
        report.violations.append(f"fills cost {fees} in fees, wallets {-kinds['COMMISSION']}")
    report.wallets = {name: plain(value) for name, value in wallets.items()}
    report.income = {name: plain(value) for name, value in kinds.items()}


def _check_states(report: AuditReport, rows: Iterable[Row], key: str, noun: str) -> None:
    """Check that nothing happens to an order after its end."""
    ended: dict[Any, str] = {}
    for row in rows:
        ident, status = row[key], row["status"]
        if ident in ended:
            report.violations.append(f"{noun} {ident}: {status} after {ended[ident]}")
        if status in FINAL:
            ended[ident] = status


def _check_orders(report: AuditReport, tables: Mapping[str, list[Row]]) -> None:
    """Check that an order's fills add up to its filled quantity, never to more than it asked."""
    filled: dict[int, Decimal] = defaultdict(Decimal)
    for row in tables["fills"]:
        filled[row["order_id"]] += decimal_of(row["quantity"])
    latest = {row["order_id"]: row for row in tables["orders"]}
    for ident, row in latest.items():
        if filled[ident] != decimal_of(row["filled"]):
            report.violations.append(
                f"order {ident}: fills of {filled[ident]}, stated {row['filled']}"
            )
        if filled[ident] > decimal_of(row["quantity"]):
            report.violations.append(f"order {ident}: filled {filled[ident]} of {row['quantity']}")
    for ident in filled.keys() - latest.keys():
        report.violations.append(f"fill of order {ident}, which was never accepted")


def _position_key(row: Row) -> PositionKey:
    return row["account"], row["symbol"], row["position_side"]


def _check_positions(report: AuditReport, tables: Mapping[str, list[Row]]) -> None:
    """Check that a position and its cost are the sums of its fills."""
    amounts: dict[PositionKey, Decimal] = defaultdict(Decimal)
    costs: dict[PositionKey, Decimal] = defaultdict(Decimal)
    for row in tables["fills"]:
        key = _position_key(row)
        signed = decimal_of(row["quantity"]) * (1 if row["side"] == "BUY" else -1)
        before = amounts[key]
        amounts[key] += signed
        costs[key] += signed * decimal_of(row["price"]) + decimal_of(row["realised"])
        if before and amounts[key] * before <= 0:
            report.round_trips += 1
    latest = {_position_key(row): row for row in tables["positions"]}
    for key, row in latest.items():
        if amounts[key] != decimal_of(row["amount"]):
            report.violations.append(
                f"position {key[1]}: {row['amount']}, its fills sum to {amounts[key]}"
            )
        direction = {"LONG": 1, "SHORT": -1}.get(key[2], 0)
        if amounts[key] * direction < 0:
            report.violations.append(f"position {key[1]} {key[2]}: reversed to {amounts[key]}")
        if costs[key] != decimal_of(row["cost"]):
            report.violations.append(
                f"position {key[1]}: cost {row['cost']}, its fills say {costs[key]}"
            )
    report.open_positions = sum(1 for amount in amounts.values() if amount)
