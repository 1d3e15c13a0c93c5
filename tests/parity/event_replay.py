"""The same parameters on the same candles, replayed and simulated.

The real executor trades them at the real sandbox exchange; the simulation uses the fill profile
`exchange`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import SecretStr

from executor.main import _run
from executor.settings import ApiKey, Keys, load_settings
from lake.releases import StrategyEntry
from sandbox.engines.common.instruments import BUILT_IN
from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from tests.executor.harness import Bench, Replay, ledger_rows, publish_entries, settings_text
from tests.parity.beat_strategies import ALL
from trading.candles import HOUR_MS, MINUTE_MS, CandleColumns
from trading.positions.forecasts import EntryChances, ForecastUse, VolatilityForecasts
from trading.simulation import Costs
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountResult,
    AccountSettings,
    ExchangeProfile,
    SymbolFilters,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)
from trading.strategies import registry
from trading.strategies.registry import get_strategy

BALANCE = 10_000.0
RISK = """[risk]
balance_share = 1.0
max_position_share = 1.0
max_order_notional = 1000000
min_trade_notional = 0
max_orders_per_minute = 600
daily_loss_limit = 1.0
warmup_candles = 0
"""
"""The executor's limits that the simulation does not have must not bind."""
LIMITS = AccountLimits(max_exposure=100.0, daily_loss=1.0)
FINISH_S = 900.0


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill: ms, what it was for (empty: the entry), quantity (above 0 into it), price."""

    time: int
    step: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from its entry until it was flat."""

    symbol: str
    side: int
    reason: str
    fills: tuple[Fill, ...]
    profit: float = field(compare=False)

    @property
    def ended(self) -> int:
        """When it was flat (ms)."""
        return self.fills[-1].time


@dataclass(frozen=True, slots=True)
class Run:
    """What one of the two has traded; ``equity`` by the time of a candle's close, in ms."""

    trades: list[Trade]
    equity: Mapping[int, float]


@dataclass(frozen=True)
class Case:
    """Strategy, parameters, candles by symbol (with those before ``begin``), and the span."""

    strategy: str
    params: Mapping[str, Any]
    candles: Mapping[str, CandleColumns]
    begin: datetime
    hours: float
    leverage: int = 5
    funding: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    forecasts: Mapping[str, VolatilityForecasts] = field(default_factory=dict)
    forecast_use: ForecastUse = field(default_factory=ForecastUse)
    chances: Mapping[tuple[str, str], EntryChances] = field(default_factory=dict)

    @property
    def extra(self) -> str:
        """Further lines of the executor's settings."""
        lines = (
            f"{name} = {json.dumps(value)}" for name, value in asdict(self.forecast_use).items()
        )
        return f"{RISK}\n[forecasts]\n" + "\n".join(lines) + "\n"

    @property
    def begin_ms(self) -> int:
        """The first minute that is traded."""
        return int(self.begin.timestamp() * 1000)

    @property
    def end_ms(self) -> int:
        """The end of the replay."""
        return self.begin_ms + int(self.hours * HOUR_MS)


@contextmanager
def beats() -> Iterator[None]:
    """Return the strategies of `beat_strategies`, registered."""
    known = registry._others()
    known.update({made.name: made() for made in ALL})
    try:
        yield
    finally:
        for made in ALL:
            del known[made.name]


def replayed(case: Case, folder: Path) -> Run:
    """Run the real executor at the real sandbox, as processes, over sockets, in lockstep."""
    bench = Bench(
        folder,
        Replay(
            case.begin,
            case.hours,
            extra=case.extra,
            candles=_candles(case, folder),
            entries=_entries(case),
            python_path=[_plugin(folder / "plugin")],
            valid_for=_valid_for(case),
            leverage=case.leverage,
            sandbox=["--funding", str(_rates(case, folder))],
        ),
    )
    try:
        bench.finish(FINISH_S)
        bench.stop_sandbox()
        return _ledger_run(bench.ledger)
    finally:
        bench.close()


def replayed_here(case: Case, folder: Path) -> Run:
    """Return the same in this process: one loop, with the same sockets between the two."""
    asyncio.run(_replay(case, folder))
    return _ledger_run(folder / "state" / "ledger.sqlite")


async def _replay(case: Case, folder: Path) -> None:
    publish_entries(folder / "published", case.begin, _entries(case), _valid_for(case))
    server = SandboxServer(
        SandboxSettings(
            candles=_candles(case, folder),
            begin=case.begin_ms,
            end=case.end_ms,
            clock="lockstep",
            symbols=tuple(case.candles),
            funding=_rates(case, folder),
        )
    )
    file = folder / "settings.toml"
    keys = Keys({"binance_usdm": ApiKey(SecretStr("sandbox"), SecretStr("sandbox"))})
    try:
        url = await server.start()
        text = settings_text(url, lockstep=True, extra=case.extra, leverage=case.leverage)
        file.write_text(text)
        (folder / "state").mkdir()
        await _run(load_settings(file), file, keys, until_finished=True)
    finally:
        await server.stop()


def _entries(case: Case) -> list[StrategyEntry]:
    params = get_strategy(case.strategy).resolve(case.params)
    return [
        StrategyEntry(strategy=case.strategy, symbol=symbol, params=params)
        for symbol in case.candles
    ]


def _valid_for(case: Case) -> timedelta:
    return timedelta(hours=case.hours) + timedelta(days=1)


def _candles(case: Case, folder: Path) -> Path:
    candles = folder / "candles"
    candles.mkdir()
    for symbol, columns in case.candles.items():
        _write(candles / f"{symbol}.parquet", columns)
    return candles


def _rates(case: Case, folder: Path) -> Path:
    rates = folder / "funding"
    rates.mkdir()
    for symbol, known in case.funding.items():
        times = pa.array(list(known), pa.int64()).cast(pa.timestamp("ms", "UTC"))
        table = pa.table({"funding_time": times, "funding_rate": list(known.values())})
        pq.write_table(table, rates / f"{symbol}.parquet")
    return rates


def simulated(case: Case, *, compiled: bool = True) -> Run:
    """Return the account simulation with the profile `exchange`."""
    strategy = get_strategy(case.strategy)
    traded = [TradedStrategy(strategy, name, case.params) for name in case.candles]
    candles = {name: _until(columns, case.end_ms) for name, columns in case.candles.items()}
    rules = {name: BUILT_IN[name] for name in case.candles}
    filters = {
        name: SymbolFilters(float(r.step), float(r.min_notional), tick=float(r.tick))
        for name, r in rules.items()
    }
    result = simulate_account(
        traded,
        SymbolMarkets(candles, filters, case.funding, case.forecasts, case.chances),
        AccountSettings(
            BALANCE,
            Costs(5.0),
            LIMITS,
            ExchangeProfile(case.leverage),
            forecast_use=case.forecast_use,
        ),
        trade_from_ms=case.begin_ms,
        compiled=compiled,
    )
    return _run_of(result, traded)


def _run_of(result: AccountResult, traded: Sequence[TradedStrategy]) -> Run:
    made = result.fills
    assert made is not None
    open_fills: dict[int, list[Fill]] = {}
    whole: list[tuple[int, tuple[Fill, ...]]] = []
    rows = zip(made.place, made.time, made.reason, made.quantity, made.price, strict=True)
    for place, time, step, quantity, price in rows:
        fill = Fill(int(time), str(step), _exact(quantity), _exact(price))
        held = open_fills.setdefault(int(place), [])
        held.append(fill)
        if sum(f.quantity for f in held) == 0:
            whole.append((int(place), tuple(held)))
            held.clear()
    trades = [
        Trade(
            traded[place].symbol,
            int(result.side[number]),
            str(result.reason[number]),
            fills,
            float(result.profit[number]),
        )
        for number, (place, fills) in enumerate(whole)
    ]
    assert [trade.ended for trade in trades] == result.exit_time.tolist()
    assert [trade.fills[0].time for trade in trades] == result.entry_time.tolist()
    closes = (result.moments + MINUTE_MS).tolist()
    equity = dict(zip(closes, result.equity.tolist(), strict=True))
    return Run(trades, equity)


def _ledger_run(ledger: Path) -> Run:
    """Return what the executor's ledger says."""
    rows = partial(ledger_rows, ledger)
    purposes = {
        row["client_id"]: (row["leg"], row["reason"])
        for row in rows("select client_id, leg, reason from orders")
    }
    trades = []
    for row in rows("select * from positions where status = 'closed' order by id"):
        fills = []
        for f in rows(
            "select * from fills where position_id ="
            f" {row['id']} order by cast(trade_id as integer)"
        ):
            leg, reason = purposes[f["client_id"]]
            step = {"en": "", "d1": "add_first", "d2": "add_second"}.get(
                leg, reason or row["exit_reason"]
            )
            into = (f["side"] == "BUY") == (row["side"] > 0)
            quantity = Decimal(f["quantity"]) * (1 if into else -1)
            fills.append(Fill(f["time"], step, quantity, Decimal(f["price"])))
        profit = Decimal(row["realized_pnl"]) - Decimal(row["fees"])
        reason = row["exit_reason"]
        trades.append(Trade(row["symbol"], row["side"], reason, tuple(fills), float(profit)))
    trades.sort(key=lambda trade: trade.ended)
    equity = {r["time"]: float(r["equity"]) for r in rows("select time, equity from equity")}
    return Run(trades, equity)


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value))).normalize()


def _until(columns: CandleColumns, end_ms: int) -> CandleColumns:
    return columns.rows(0, int(np.searchsorted(columns.open_time, end_ms)))


def _write(path: Path, columns: CandleColumns) -> None:
    names = ("open", "high", "low", "close", "volume")
    moments = pa.array(columns.open_time, pa.int64()).cast(pa.timestamp("ms", "UTC"))
    values = {name: getattr(columns, name) for name in names}
    pq.write_table(pa.table({"open_time": moments, **values}), path)


def _plugin(folder: Path) -> Path:
    """Return a folder that declares the strategies like an installed distribution."""
    info = folder / "beats-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: beats\nVersion: 1.0\n")
    points = "\n".join(
        f"{made.__name__} = tests.parity.beat_strategies:{made.__name__}" for made in ALL
    )
    (info / "entry_points.txt").write_text(f"[nocturne.strategies]\n{points}\n")
    return folder
