"""A mark price other than the last price: what it decides, and how it moves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.instruments import BUILT_IN
from sandbox.engines.usdm import margin
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.market.candles import Funding, read_series
from sandbox.market.clock import PacedClock
from sandbox.market.feed import SymbolFeed
from sandbox.market.mark_price import RecordedMark, SmoothedMark
from sandbox.market.replay import Replay, ReplayedVenue, Span
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient, calm, market, stop, write_candles
from trading.candles import MINUTE_MS
from trading.errors import DataError, SettingsError

D = Decimal
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


def moved(engine: UsdmEngine, price: str, mark: str) -> None:
    """Print a last price with another mark price."""
    engine.set_mark("BTCUSDT", D(mark))
    engine.on_price("BTCUSDT", D(price))


def test_working_type_decides_which_price_fires_a_stop(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    by_contract = engine.place_algo(account, stop("SELL", "99000.0"))
    by_mark = engine.place_algo(
        account,
        stop("SELL", "98500.0", close_position=False, quantity=D("0.004"), reduce_only=True,
             working_type="MARK_PRICE"),
    )  # fmt: skip
    moved(engine, "99500.0", "98500.0")
    assert (by_contract.status, by_mark.status) == ("NEW", "FINISHED")
    moved(engine, "99000.0", "99400.0")
    assert by_contract.status == "FINISHED"


def test_stop_that_the_mark_price_has_crossed_is_refused(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    moved(engine, "100000.0", "98000.0")
    with pytest.raises(ExchangeError, match="-2021"):
        engine.place_algo(account, stop("SELL", "99000.0", working_type="MARK_PRICE"))
    assert engine.place_algo(account, stop("SELL", "99000.0")).status == "NEW"


def test_price_protection_holds_a_stop_while_the_prices_diverge(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    held = engine.place_algo(account, stop("SELL", "97000.0", price_protect=True))
    moved(engine, "94000.0", "99500.0")
    assert held.status == "NEW"
    moved(engine, "96000.0", "99500.0")
    assert held.status == "FINISHED"


def test_profit_margin_funding_and_liquidation_use_the_mark_price(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.set_margin_type(account, "BTCUSDT", isolated=True)
    engine.place(account, market("BUY", "0.010"))
    position = account.position("BTCUSDT")
    moved(engine, "90000.0", "99900.0")
    assert position.amount == D("0.010")
    assert margin.unrealised(engine.core, position) == D("-1.001")
    engine.apply_funding("BTCUSDT", D("0.001"))
    assert account.incomes[-1].amount == D("-0.99900000")
    level = margin.liquidation_price(engine.core, account, position)
    moved(engine, "99900.0", f"{level - 1}")
    assert position.amount == 0
    assert account.wallet > 0


def test_smoothed_mark_covers_half_the_distance_in_half_a_minute() -> None:
    rule = SmoothedMark()
    marks = [
        rule.price_at(time, D(price), low_first=True)
        for time, price in ((0, "100"), (30_000, "110"), (30_000, "500"), (120_000, "105"))
    ]
    assert marks == [D("100"), D("105"), D("105"), D("105")]


def test_recorded_mark_walks_its_candle_as_the_contract_does(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTCUSDT", [(100.0, 104.0, 98.0, 102.0)])
    rule = RecordedMark(read_series(tmp_path / "BTCUSDT.parquet", traded=False))
    offsets = (0, 7_500, 15_000, 35_000, 58_000, 59_999)
    down = [rule.price_at(START + t, D(1), low_first=True) for t in offsets]
    assert down == [D(100), D(99), D(98), D(104), D(102), D(102)]
    assert rule.price_at(START + 15_000, D(1), low_first=False) == D(104)
    assert rule.price_at(START + MINUTE_MS, D(1), low_first=True) == D(1)


async def test_served_mark_price_is_the_recorded_one(serving: Serving, tmp_path: Path) -> None:
    marks = tmp_path / "mark" / "candles"
    for symbol, price in (("BTCUSDT", 99_000.0), ("ETHUSDT", 2_400.0)):
        write_candles(marks, symbol, calm(price, 120))
    async with serving(mark="recorded", clock="lockstep") as server, aiohttp.ClientSession() as web:
        client = RestClient(web, server.url)
        _, index = await client.plain("GET", "/fapi/v1/premiumIndex?symbol=BTCUSDT")
        _, last = await client.plain("GET", "/fapi/v1/ticker/price?symbol=BTCUSDT")
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        await client.signed("POST", "/fapi/v1/order", **order)
        _, (risk,) = await client.signed("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT")
    assert (index["markPrice"], last["price"]) == ("99000.00000000", "100000.00")
    assert (risk["markPrice"], risk["unRealizedProfit"]) == ("99000.00000000", "-10.00100000")


async def test_missing_mark_candles_are_an_error_that_names_the_option(serving: Serving) -> None:
    with pytest.raises(DataError, match="--marks"):
        async with serving(mark="recorded"):
            pass
    with pytest.raises(SettingsError, match="--mark typical"):
        async with serving(mark="typical"):
            pass


class Deaf:
    """An audience that ignores every step."""

    async def step(self, *_: object) -> bool:
        return False

    async def flush(self) -> None:
        return None


async def test_stop_by_mark_price_fires_where_the_mark_crosses_it(
    engine: UsdmEngine, account: UsdmAccount, tmp_path: Path
) -> None:
    # The contract goes 100000 -> 99000 while its mark price goes 99000 -> 95000.
    write_candles(tmp_path / "last", "BTCUSDT", [(100_000.0, 100_000.0, 99_000.0, 99_500.0)])
    write_candles(tmp_path / "mark", "BTCUSDT", [(99_000.0, 99_000.0, 95_000.0, 96_000.0)])
    series = read_series(tmp_path / "last" / "BTCUSDT.parquet")
    rule = RecordedMark(read_series(tmp_path / "mark" / "BTCUSDT.parquet"))
    feed = SymbolFeed(series, BUILT_IN["BTCUSDT"], Funding())
    venue = ReplayedVenue("usdm", engine, {"BTCUSDT": feed}, Deaf(), marks={"BTCUSDT": rule})
    replay = Replay([venue], PacedClock(1e9), Span(START, START + MINUTE_MS), 1, None)
    engine.place(account, market("BUY", "0.010"))
    algo = engine.place_algo(account, stop("SELL", "97000.0", working_type="MARK_PRICE"))
    await replay.run()
    assert algo.status == "FINISHED"
    assert account.fills[-1].price == D("99499.9")  # half way, and a tick below for the bid
    assert (feed.price, feed.mark) == (D("99500.0"), D(96_000))
