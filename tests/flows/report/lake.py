"""A lake of a few rows with one release, made by hand for the tests of the report."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from lake import tables
from lake.releases import Candidate, FlowRun, LeftOut, StrategyEntry, publish
from lake.store import Lake
from trading.research.gates import GateEvidence, evaluate_gates
from trading.strategies.registry import get_strategy

AS_OF = datetime(2025, 5, 6, tzinfo=UTC)
LATER = AS_OF + timedelta(days=1)
START = AS_OF - timedelta(days=4)
RUN = "run-1"
NASTY = "<script>alert('x')</script>"
SERIES = {"venue": "binance_usdm", "symbol": "BTCUSDT", "month": "2025-05"}


def table(rows: list[dict[str, Any]], contract: tables.Table) -> pa.Table:
    """Return rows with the contract's types; Arrow types further columns."""
    names = list(rows[0])
    types = {field.name: field.type for field in contract.schema}
    return pa.table({n: pa.array([row.get(n) for row in rows], types.get(n)) for n in names})


def candle(time: datetime, price: float) -> dict[str, Any]:
    """Return a candle that rises by two around ``price``."""
    return {
        "open_time": time,
        "open": price - 1.0,
        "high": price + 3.0,
        "low": price - 2.0,
        "close": price + 1.0,
        "volume": 10.0,
    }


def write_candles(lake: Lake) -> None:
    """Write two hours of minutes with a gap of three, four days of hours, and one bad row."""
    minutes = [START + timedelta(minutes=n) for n in range(120) if n not in (60, 61, 62)]
    rows = [
        {**candle(time, 100.0), "gap_before": 3 if time.minute == 3 and time.hour == 1 else 0}
        for time in minutes
    ]
    lake.write(tables.CANDLES, table(rows, tables.CANDLES), interval="1m", **SERIES)
    hours = [
        {**candle(START + timedelta(hours=n), 100.0 + 5.0 * math.sin(n / 9)), "candles": 60}
        for n in range(96)
    ]
    lake.write(tables.BARS, table(hours, tables.BARS), interval="1h", **SERIES)
    bad = [{**candle(START + timedelta(minutes=61), 100.0), "reason": f"high below open {NASTY}"}]
    lake.write(tables.QUARANTINE, table(bad, tables.QUARANTINE), interval="1m", **SERIES)


OWN = {"as_of": AS_OF, "strategy": "breakout", "symbol": "BTCUSDT"}


def search_rows() -> list[dict[str, Any]]:
    """Return four combinations."""
    return [
        {**OWN, "trial": trial, "params": json.dumps(params), "total_return": result}
        for trial, (params, result) in enumerate(
            [
                ({"k": 0.4, "stop_loss": 0.01}, -0.02),
                ({"k": 0.4, "stop_loss": 0.02}, 0.01),
                ({"k": 0.5, "stop_loss": 0.01}, 0.03),
                ({"k": 0.5, "stop_loss": 0.02}, 0.04),
            ]
        )
    ]


def fold_rows() -> list[dict[str, Any]]:
    """Return two folds, one profitable and one losing."""
    day = timedelta(days=1)
    return [
        {
            **OWN,
            "fold": n,
            "train_from": START + n * day,
            "train_to": START + (n + 1) * day,
            "test_from": START + (n + 1) * day,
            "test_to": START + (n + 2) * day,
            "params": json.dumps({"k": 0.5}),
            "train_total_return": 0.05,
            "test_total_return": result,
        }
        for n, result in enumerate([0.02, -0.01])
    ]


def trade_rows() -> list[dict[str, Any]]:
    """Return three out-of-sample trades."""
    return [
        {
            **OWN,
            "sample": "out_of_sample",
            "entry_time": START + timedelta(hours=start),
            "exit_time": START + timedelta(hours=start + 4),
            "side": 1,
            "entry_price": 100.0,
            "exit_price": 100.0 * (1 + net),
            "net_return": net,
            "reason": reason,
        }
        for start, net, reason in [
            (30, 0.03, "take_profit"),
            (40, -0.01, "stop_loss"),
            (60, 0.01, "day_end"),
        ]
    ]


def write_research(lake: Lake) -> None:
    """Write a search, its folds and their trades."""
    for contract, rows in (
        (tables.SEARCHES, search_rows()),
        (tables.FOLDS, fold_rows()),
        (tables.TRADES, trade_rows()),
    ):
        lake.write(contract, table(rows, contract), run=RUN)


def write_model(lake: Lake) -> None:
    """Write a direction model that is no better than a reversal, with its card."""
    folder = lake.path(tables.MODELS, run="train-1").parent
    folder.mkdir(parents=True)
    card = {
        "model": "direction_1h",
        "symbol": "BTCUSDT",
        "sha256": "ab" * 32,
        "proven": False,
        "rows": 900,
        "train_from": "2025-05-02T00:00:00Z",
        "train_to": "2025-05-06T00:00:00Z",
        "features": [{"name": "ret_1", "description": f"log return {NASTY}"}],
        "importance": [{"feature": "ret_1", "gain": 1.0}],
        "scores": {"auc": 0.497, "auc_reversal": 0.511, "net_bp_flat": 0.0},
        "folds": [
            {
                "fold": 0,
                "train_from": 1_746_144_000_000,
                "train_to": 1_746_230_400_000,
                "test_from": 1_746_230_400_000,
                "test_to": 1_746_316_800_000,
                "scores": {"auc": 0.497, "auc_reversal": 0.511},
            }
        ],
        "verdicts": [
            {"name": "beats_baseline", "passed": False, "value": -0.01, "threshold": 0.0},
            {"name": "leak_alarm", "passed": True, "value": 0.497, "threshold": 0.56},
        ],
    }
    (folder / "direction.json").write_text(json.dumps(card), encoding="utf-8")
    row = {
        "as_of": AS_OF,
        "model": "direction_1h",
        "symbol": "BTCUSDT",
        "fold": -1,
        "file": (folder / "direction.txt").relative_to(lake.root).as_posix(),
    }
    lake.write(tables.MODELS, table([row], tables.MODELS), run="train-1")


def write_ledger(lake: Lake) -> None:
    """Write one round trip on the day after the release, with a resting stop."""
    opened = AS_OF + timedelta(hours=2)
    closed = opened + timedelta(hours=3)
    key = "n1-abcdefgh-aaaaaaaaaaaaaaaa"
    venue = {"venue": "binance_usdm"}
    common = {
        **venue,
        "symbol": "BTCUSDT",
        "strategy": "breakout",
        "release_id": "r",
        "position_id": 1,
    }
    orders = [
        {**common, "created_at": opened, "client_id": f"{key}-en-00", "side": "BUY", "leg": "en",
         "status": "filled", "kind": "MARKET", "quantity": 0.5, "trigger_price": None,
         "decision_price": 100.0, "average_price": 100.1},
        {**common, "created_at": opened, "client_id": f"{key}-sl-00", "side": "SELL", "leg": "sl",
         "status": "cancelled", "kind": "STOP_MARKET", "quantity": None, "trigger_price": 99.0,
         "decision_price": None, "average_price": None},
        {**common, "created_at": closed, "client_id": f"{key}-px-00", "side": "SELL", "leg": "px",
         "status": "filled", "kind": "MARKET", "quantity": 0.5, "trigger_price": None,
         "decision_price": 104.0, "average_price": 104.0},
    ]  # fmt: skip
    positions = [
        {**venue, "id": 1, "symbol": "BTCUSDT", "strategy": "breakout", "release_id": "r",
         "status": "closed", "side": 1, "quantity": 0.5, "entry_price": 100.1, "exit_price": 104.0,
         "opened_at": opened, "closed_at": closed, "realized_pnl": 1.95, "fees": 0.05,
         "exit_reason": "take_profit", "protected_at": round(opened.timestamp() * 1000) + 250},
    ]  # fmt: skip
    fills = [
        {**venue, "time": time, "trade_id": str(n), "client_id": f"{key}-en-00",
         "symbol": "BTCUSDT", "side": "BUY", "price": 100.1, "quantity": 0.5, "fee": 0.025}
        for n, time in enumerate([opened, closed])
    ]  # fmt: skip
    wallet = {**venue, "asset": "USDT"}
    equity = [
        {**wallet, "time": opened, "equity": 10_000.0},
        {**wallet, "time": closed, "equity": 10_001.9},
    ]
    events = [{"time": opened, "id": "e1", "type": NASTY, "cause": None, "data": "{}"}]
    for contract, rows in (
        (tables.ORDERS, orders),
        (tables.FILLS, fills),
        (tables.POSITIONS, positions),
        (tables.EVENTS, events),
        (tables.LEDGER_EQUITY, equity),
    ):
        lake.write(contract, table(rows, contract), day="2025-05-06")


WIDE = {"cagr": -0.4624, "drawdown_days": 28, "reward_to_risk": 2.94, "turnover": 1218.39}
"""Measures with the longest names and numbers."""


def publish_release(lake: Lake, strategy: str = "breakout") -> str:
    """Publish an unproven release of one strategy, with one symbol left out; return its id."""
    params = {"k": 0.5, "stop_loss": 0.02} if strategy == "breakout" else {}
    evidence = GateEvidence(
        trades=3,
        total_return=0.03,
        max_drawdown=0.01,
        superior_ability=0.4,
        loss_probability=None,
        plateau=0.8,
    )
    entry = StrategyEntry(
        strategy=strategy,
        symbol="BTCUSDT",
        params=get_strategy(strategy).resolve(params),
        in_sample={"total_return": 0.05, "trades": 8, "sharpe": 2.0} | WIDE,
        out_of_sample={"total_return": 0.03, "trades": 3, "sharpe": 1.1, "max_drawdown": 0.01}
        | WIDE,
        verdicts=evaluate_gates(evidence),
    )
    candidate = Candidate(
        as_of=AS_OF,
        fingerprint=lake.fingerprint(tables.CANDLES, AS_OF),
        flow_run=FlowRun(id=RUN, name="nightly"),
        strategies=(entry,),
        left_out=(LeftOut(symbol=NASTY, reason=f"40 rows are bad {NASTY}"),),
    )
    return publish(lake.published, candidate, AS_OF).release_id


def small_lake(root: Path, strategy: str = "breakout") -> tuple[Lake, str]:
    """Return the lake and the id of its release."""
    lake = Lake(root)
    write_candles(lake)
    write_research(lake)
    write_model(lake)
    write_ledger(lake)
    return lake, publish_release(lake, strategy)
