"""The checks of spot: balances, fills and order states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from sandbox.audit.ledger import decimal_of
from sandbox.engines.common.money import plain

Row = Mapping[str, Any]
FINAL = ("FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED")


class SpotAuditReport(Protocol):
    """The part of the report that the checks of spot fill."""

    violations: list[str]
    spot_balances: dict[str, str]


def check_spot(report: SpotAuditReport, tables: Mapping[str, list[Row]]) -> None:
    """Check that totals are sums of changes and never negative, and that fills match orders."""
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    charged: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    fees: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for row in tables.get("spot_balances", []):
        key = (row["account"], row["asset"])
        totals[key] += decimal_of(row["amount"])
        if totals[key] != decimal_of(row["total"]) or totals[key] < 0:
            report.violations.append(
                f"spot balance {row['seq']}: {row['total']} {row['asset']}, its changes sum to "
                f"{totals[key]}"
            )
        if row["kind"] == "FEE":
            charged[row["account"], row["reference"]] -= decimal_of(row["amount"])
    report.spot_balances = {f"{a} {asset}": plain(v) for (a, asset), v in totals.items() if v}
    filled: dict[int, Decimal] = defaultdict(Decimal)
    for row in tables.get("spot_fills", []):
        filled[row["order_id"]] += decimal_of(row["quantity"])
        fees[row["account"], row["trade_id"]] += decimal_of(row["fee"])
    for key, fee in fees.items():
        if charged[key] != fee:
            report.violations.append(f"spot trade {key[1]}: its fee was not charged")
    _check_orders(report, tables.get("spot_orders", []), filled)


def _check_orders(report: SpotAuditReport, rows: list[Row], filled: Mapping[int, Decimal]) -> None:
    ended: dict[int, str] = {}
    latest: dict[int, Row] = {}
    for row in rows:
        ident = row["order_id"]
        if ident in ended:
            report.violations.append(f"spot order {ident}: {row['status']} after {ended[ident]}")
        if row["status"] in FINAL:
            ended[ident] = row["status"]
        latest[ident] = row
    for ident, row in latest.items():
        done = filled.get(ident, Decimal(0))
        if done != decimal_of(row["filled"]) or done > decimal_of(row["quantity"]):
            report.violations.append(
                f"spot order {ident}: fills of {done}, stated {row['filled']} of {row['quantity']}"
            )
    for ident in filled.keys() - latest.keys():
        report.violations.append(f"spot fill of order {ident}, which was never accepted")
