"""Sources of a replay other than a folder of candles: a lake, recorded trades and quotes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.market.clock import PacedClock
from sandbox.market.feed import SymbolFeed, TradePrint
from sandbox.market.replay import Replay, ReplayedVenue, Span
from sandbox.market.trade_tape import read_quotes, read_tape
from sandbox.server.loader import load_feeds
from sandbox.server.settings import SandboxSettings
from tests.sandbox.helpers import START, calm, limit, market, write_candles
from trading.candles import MINUTE_MS
from trading.errors import DataError

DAY = 1_440


def write_lake(root: Path, layer: str, venue: str, symbol: str, price: float) -> None:
    """Write a day of candles in June and one in July 2025."""
    series = root / layer / "candles" / f"venue={venue}" / f"symbol={symbol}" / "interval=1m"
    for month, begin in (("2025-06", START), ("2025-07", START + 31 * DAY * MINUTE_MS)):
        folder = series / f"month={month}"
        write_candles(folder, "part", calm(price, DAY), begin)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Return a lake with checked futures, raw spot and futures funding."""
    write_lake(tmp_path, "checked", "binance_usdm", "BTCUSDT", 100_000.0)
    write_lake(tmp_path, "raw", "binance_usdm", "BTCUSDT", 1.0)
    write_lake(tmp_path, "raw", "binance_spot", "ETHUSDT", 2_500.0)
    folder = tmp_path / "raw" / "funding" / "venue=binance_usdm" / "symbol=BTCUSDT"
    folder.mkdir(parents=True)
    times = pa.array([START + 480 * MINUTE_MS], pa.timestamp("ms", "UTC"))
    pq.write_table(
        pa.table({"funding_time": times, "funding_rate": [0.0001]}), folder / "part.parquet"
    )
    return tmp_path


def test_lake_is_read_month_by_month_with_checked_preferred_to_raw(lake: Path) -> None:
    feeds = load_feeds(SandboxSettings(lake), "usdm")
    assert list(feeds) == ["BTCUSDT"]
    series = feeds["BTCUSDT"].series
    assert (len(series.open_time), series.open_time[0]) == (2 * DAY, START)
    assert set(series.open) == {100_000.0}
    assert feeds["BTCUSDT"].funding.times == (START + 480 * MINUTE_MS,)
    assert list(load_feeds(SandboxSettings(lake, venue="spot"), "spot")) == ["ETHUSDT"]


def test_lake_is_read_only_up_to_the_end_of_the_replay(lake: Path) -> None:
    feeds = load_feeds(SandboxSettings(lake, end=START + DAY * MINUTE_MS), "usdm")
    assert len(feeds["BTCUSDT"].series.open_time) == DAY


def test_missing_symbols_and_months_of_a_lake_are_named(lake: Path) -> None:
    with pytest.raises(DataError, match="no 1m candles of XRPUSDT; there are BTCUSDT"):
        load_feeds(SandboxSettings(lake, symbols=("XRPUSDT",)), "usdm")
    with pytest.raises(DataError, match="no month of candles from"):
        load_feeds(SandboxSettings(lake, end=START - 60 * DAY * MINUTE_MS), "usdm")


def write_table(path: Path, **columns: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


class Listener:
    """Keeps the trades of each step."""

    def __init__(self) -> None:
        self.steps: list[list[tuple[Decimal, Decimal, bool]]] = []

    async def step(self, _time: int, _closed: object, ticks: list[TradePrint]) -> bool:
        self.steps.append([(tick.price, tick.quantity, tick.buyer_maker) for tick in ticks])
        return False

    async def flush(self) -> None:
        return None


def tape(tmp_path: Path) -> SymbolFeed:
    """Return the feed of one minute with three recorded trades and two quotes."""
    write_candles(tmp_path / "candles", "BTCUSDT", [(100_000.0, 100_010.0, 99_980.0, 99_990.0)])
    write_table(
        tmp_path / "trades" / "candles" / "BTCUSDT.parquet",
        transact_time=[START + 5_100, START + 5_900, START + 40_000],
        price=[100_010.0, 99_980.0, 99_990.0],
        quantity=[0.5, 0.004, 0.2],
        is_buyer_maker=[False, True, False],
    )
    write_table(
        tmp_path / "quotes" / "candles" / "BTCUSDT.parquet",
        time=[START + 5_000, START + 39_000],
        bid=[99_970.0, 99_985.0],
        ask=[100_020.0, 99_995.0],
    )
    return load_feeds(SandboxSettings(tmp_path / "candles"), "usdm")["BTCUSDT"]


async def test_recorded_trades_make_the_path_of_their_minute(
    engine: UsdmEngine, account: UsdmAccount, tmp_path: Path
) -> None:
    heard = Listener()
    venue = ReplayedVenue("usdm", engine, {"BTCUSDT": tape(tmp_path)}, heard, bounded=True)
    replay = Replay([venue], PacedClock(1e9), Span(START, START + MINUTE_MS), 1, None)
    rests = engine.place(account, limit("BUY", "0.010", "99985.0"))
    await replay.run()
    assert heard.steps == [
        [
            (Decimal("100010.0"), Decimal("0.500"), False),
            (Decimal("99980.0"), Decimal("0.004"), True),
        ],
        [(Decimal("99990.0"), Decimal("0.200"), False)],
        [],
    ]
    assert (rests.status, rests.filled) == ("PARTIALLY_FILLED", Decimal("0.004"))


async def test_market_orders_fill_at_recorded_quotes_while_these_fit_the_price(
    engine: UsdmEngine, account: UsdmAccount, tmp_path: Path
) -> None:
    feed = tape(tmp_path)
    venue = ReplayedVenue("usdm", engine, {"BTCUSDT": feed}, Listener())
    replay = Replay([venue], PacedClock(1e9), Span(START, START + MINUTE_MS), 1, None)
    engine.place(account, limit("BUY", "0.010", "90000.0"))
    await replay.run()
    market_now = engine.core.markets["BTCUSDT"]
    assert (market_now.bid, market_now.ask) == (Decimal("99985.0"), Decimal("99995.0"))
    assert feed.best()[0][0] == "99985.00"
    assert feed.best()[1][0] == "99995.00"
    assert engine.place(account, market("BUY", "0.010")).average == Decimal("99995.0")
    engine.on_price("BTCUSDT", Decimal("100100.0"))
    assert (market_now.bid, market_now.ask) == (Decimal("100099.9"), Decimal("100100.1"))


def test_quote_of_an_earlier_minute_does_not_apply(tmp_path: Path) -> None:
    quotes = tape(tmp_path).quotes
    assert quotes is not None
    assert quotes.quote_at(START + 4_999, Decimal("0.1")) is None
    assert quotes.quote_at(START + 5_000, Decimal("0.1")) == (
        Decimal("99970.0"),
        Decimal("100020.0"),
    )
    assert quotes.quote_at(START + MINUTE_MS, Decimal("0.1")) is None


def test_crossed_quotes_and_trades_without_a_side_are_named(tmp_path: Path) -> None:
    write_table(tmp_path / "BTCUSDT.parquet", time=[START], bid=[2.0], ask=[1.0])
    with pytest.raises(DataError, match="not below its ask"):
        read_quotes(tmp_path / "BTCUSDT.parquet")
    with pytest.raises(DataError, match="price, quantity, buyer_maker is missing"):
        read_tape(tmp_path / "BTCUSDT.parquet")
