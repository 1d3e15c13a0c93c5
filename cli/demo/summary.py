"""The demo's summary: what happened according to the exchange's own ledger, and where to look."""

from __future__ import annotations

import contextlib
import json
import shlex
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cli.demo.plan import DemoPlan
from cli.why.report import explain, to_text
from executor.ledger.reader import LedgerPlace
from lake.releases import Release


@dataclass(frozen=True, slots=True)
class DemoFacts:
    """What the exchange recorded, and where to find everything."""

    release_id: str
    release: Path
    proven: bool
    failed_gates: tuple[str, ...]
    report: Path
    exchange: Path
    ledger: Path
    lake: Path
    orders: int
    orders_of_release: int
    round_trips: int
    stops_rested: int
    spot_orders: int
    spot_pairs: int
    exits: tuple[tuple[str, int], ...]
    profit: Decimal
    forecasts: str
    violations: tuple[str, ...]
    last_order: str
    why: str
    why_complete: bool


def collect(plan: DemoPlan, release: Release, folder: Path) -> DemoFacts:
    """Read the exchange's ledger, not the executor's, and trace the last fill with `why`."""
    from sandbox.audit.exchange_ledger import audit_ledger

    exchange = folder / "exchange.sqlite"
    with _reading(exchange) as rows:
        clients = [str(r[0]) for r in rows.execute("select distinct client_id from orders")]
        trips = round_trips(rows)
        spot_orders, spot_pairs = (
            int(rows.execute(f"select count(distinct {column}) from {table}").fetchone()[0])
            for column, table in (("order_id", "spot_orders"), ("list_id", "spot_lists"))
        )
        stops = rows.execute(
            "select count(distinct algo_id) from algo_orders"
            " where type = 'STOP_MARKET' and close_position = 1 and status = 'NEW'"
        ).fetchone()[0]
        amounts = rows.execute(
            "select amount from balances where kind not in ('DEPOSIT', 'TRANSFER')"
        ).fetchall()
    ledger = folder / "state" / "ledger.sqlite"
    with _reading(ledger) as rows:
        exits = Counter(
            str(r[0]) for r in rows.execute("select exit_reason from positions where closed_at > 0")
        )
        forecasts = forecast_line(json.loads(str(r[0])) for r in rows.execute(ENTRY_INTENTS))
        last = rows.execute(
            "select client_id from fills order by time desc, trade_id desc limit 1"
        ).fetchone()
    why, complete = _why(plan, ledger, last[0]) if last else ("", False)
    failed = sorted({f"{s.strategy} {s.symbol}" for s in release.strategies if not s.proven})
    return DemoFacts(
        release_id=release.release_id,
        release=release.folder,
        proven=release.proven,
        failed_gates=tuple(failed),
        report=plan.lake / "reports" / f"{release.release_id}.html",
        exchange=exchange,
        ledger=ledger,
        lake=plan.lake,
        orders=len(clients),
        orders_of_release=sum(c.startswith(f"n1-{release.short_id}-") for c in clients),
        round_trips=trips,
        stops_rested=int(stops),
        spot_orders=spot_orders,
        spot_pairs=spot_pairs,
        exits=tuple(exits.most_common()),
        profit=sum((Decimal(str(a[0])) for a in amounts), Decimal()),
        forecasts=forecasts,
        violations=tuple(str(v) for v in audit_ledger(exchange).violations),
        last_order=last[0] if last else "",
        why=why,
        why_complete=complete,
    )


def round_trips(exchange: sqlite3.Connection) -> int:
    """Count the positions at the exchange that were opened and closed again."""
    trips, held = 0, dict[str, bool]()
    for symbol, amount in exchange.execute("select symbol, amount from positions order by seq"):
        is_flat = Decimal(str(amount)) == 0
        if is_flat and held.get(symbol):
            trips += 1
        held[symbol] = not is_flat
    return trips


ENTRY_INTENTS = "select data from events where type = 'order_intent' order by id"


def forecast_line(intents: Iterable[Mapping[str, Any]]) -> str:
    """Say in one line what the forecasts of volatility did to the day's entries."""
    entries = [data for data in intents if "risk_taken" in data]
    known = [data["forecast"] for data in entries if data.get("forecast")]
    used = [fact for fact in known if "missing" not in fact]
    if not used:
        why = known[0]["missing"] if known else "the setting is off"
        return f"none of {len(entries)} entries used a forecast: {why}"
    smaller = [fact["share"] for fact in used if fact["share"] < 1.0]
    models = ", ".join(
        sorted({f"{f['model']}{'' if f['proven'] else ' (unproven)'}" for f in used})
    )
    down = f", the smallest {min(smaller):.0%} of its size" if smaller else ""
    return (
        f"{len(used)} of {len(entries)} entries sized by {models}; {len(smaller)} made smaller"
        f" before a wild hour{down}"
    )


def text(facts: DemoFacts) -> str:
    """Format the summary for the terminal."""
    standing = "proven" if facts.proven else "unproven: replay and paper only"
    exits = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in facts.exits)
    traced = f"{facts.orders_of_release} with this release's id"
    lines = [
        f"     release      {facts.release_id} ({standing})",
        f"                  {_short(facts.release)}",
        f"     exchange     {facts.orders} orders ({traced}), "
        f"{facts.round_trips} round trips, {facts.stops_rested} stops rested",
        f"     exits        {exits or 'none'}",
        f"     result       {facts.profit:+.2f} USDT after fees and funding",
        f"     report       {_short(facts.report)}",
        f"     ledger       {_short(facts.ledger)}",
        f"     exchange's   {_short(facts.exchange)}",
    ]
    lines.insert(5, f"     forecasts    {facts.forecasts}")
    if facts.spot_orders:
        spot = f"{facts.spot_orders} orders, {facts.spot_pairs} pairs of stop and target"
        lines.insert(4, f"     on spot      {spot}")
    if facts.failed_gates:
        lines.insert(2, f"     not proven   {', '.join(facts.failed_gates)} (verdicts: the report)")
    lines += ["", "     Why was the last fill made?", ""]
    lines += [f"     {line}" for line in facts.why.splitlines()]
    if facts.why_complete:
        command = shlex.join(_why_command(facts.last_order, facts.ledger, facts.lake))
        lines += ["", "     The same with the hash of every partition:", f"     {command}"]
    return "\n".join(lines)


def _short(path: Path) -> str:
    """Shorten a path below the current folder, so that it fits into the next command."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _why_command(client_id: str, ledger: Path, lake: Path) -> list[str]:
    return ["nocturne", "why", client_id, "--ledger", _short(ledger), "--lake", _short(lake)]


def _why(plan: DemoPlan, ledger: Path, client_id: str) -> tuple[str, bool]:
    """Return the chain that `nocturne why` prints, and whether every link was verified."""
    report = explain(client_id, LedgerPlace(str(ledger)), plan.lake)
    return to_text(report, every_partition=False), bool(report["verified"])


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()
