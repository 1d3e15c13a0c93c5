"""Orders that end by time or follow the book, margin of positions, prices that are not traded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient, calm, limit, write_candles
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01"}
D = Decimal


@pytest.fixture
async def rest(serving: Serving) -> AsyncIterator[RestClient]:
    async with serving(clock="stepped") as server, aiohttp.ClientSession() as session:
        yield RestClient(session, server.url)


def test_order_good_till_a_date_expires_then(engine: UsdmEngine, account: UsdmAccount) -> None:
    order = engine.place(account, limit("BUY", "0.01", "99000", tif="GTD", good_till=START + 1000))
    engine.set_time(START + 999)
    assert order.open
    engine.set_time(START + 1000)
    assert order.status == "EXPIRED"


async def test_good_till_date_is_shown_and_checked(rest: RestClient) -> None:
    order = {**LIMIT, "price": "99000", "timeInForce": "GTD"}
    status, body = await rest.signed("POST", "/fapi/v1/order", **order)
    assert (status, body["code"]) == (400, -1102)
    soon = START + 600_000
    _, body = await rest.signed("POST", "/fapi/v1/order", **order, goodTillDate=soon)
    assert body["code"] == -1130
    _, body = await rest.signed("POST", "/fapi/v1/order", **order, goodTillDate=soon + 1_000)
    assert (body["timeInForce"], body["goodTillDate"]) == ("GTD", soon + 1_000)


@pytest.mark.parametrize(
    ("side", "mode", "price"),
    [
        ("BUY", "QUEUE", "99999.9"),
        ("BUY", "QUEUE_5", "99999.5"),
        ("SELL", "QUEUE", "100000.1"),
        ("SELL", "QUEUE_10", "100001.0"),
        ("BUY", "OPPONENT", "100000.1"),
        ("SELL", "OPPONENT_20", "99998.0"),
    ],
)
async def test_price_match_takes_its_price_from_the_book(
    rest: RestClient, side: str, mode: str, price: str
) -> None:
    order = {**LIMIT, "side": side, "timeInForce": "GTC", "priceMatch": mode}
    _, body = await rest.signed("POST", "/fapi/v1/order", **order)
    assert (D(body["price"]), body["priceMatch"]) == (D(price), mode)


async def test_price_match_and_a_price_exclude_each_other(rest: RestClient) -> None:
    order = {**LIMIT, "timeInForce": "GTC", "priceMatch": "QUEUE", "price": "99000"}
    assert (await rest.signed("POST", "/fapi/v1/order", **order))[1]["code"] == -4188


async def test_amendments_of_an_order_are_listed_newest_first(rest: RestClient) -> None:
    order = {**LIMIT, "timeInForce": "GTC", "price": "99000"}
    _, placed = await rest.signed("POST", "/fapi/v1/order", **order)
    found = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    for price in ("99001", "99002"):
        change = {**found, "side": "BUY", "quantity": "0.01", "price": price}
        await rest.signed("PUT", "/fapi/v1/order", **change)
    _, rows = await rest.signed("GET", "/fapi/v1/orderAmendment", **found)
    changed = [(D(row["amendment"]["price"]["before"]), row["amendment"]["count"]) for row in rows]
    assert changed == [(D(99001), 2), (D(99000), 1)]


async def test_margin_moves_to_an_isolated_position_and_back(rest: RestClient) -> None:
    added = {"symbol": "BTCUSDT", "amount": "100", "type": 1}
    _, body = await rest.signed("POST", "/fapi/v1/positionMargin", **added)
    assert body["code"] == -4049
    await rest.signed("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    _, body = await rest.signed("POST", "/fapi/v1/positionMargin", **added)
    assert body["code"] == -4054
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    await rest.signed("POST", "/fapi/v1/order", **order)
    before = await isolated_wallet(rest)
    assert (await rest.signed("POST", "/fapi/v1/positionMargin", **added))[0] == 200
    assert await isolated_wallet(rest) == before + 100
    taken = {**added, "amount": "50", "type": 2}
    assert (await rest.signed("POST", "/fapi/v1/positionMargin", **taken))[0] == 200
    assert await isolated_wallet(rest) == before + 50
    taken["amount"] = "100"
    _, body = await rest.signed("POST", "/fapi/v1/positionMargin", **taken)
    assert body["code"] == -4051
    _, rows = await rest.signed("GET", "/fapi/v1/positionMargin/history", symbol="BTCUSDT")
    assert [(row["type"], row["amount"]) for row in rows] == [(1, "100"), (2, "50")]


async def isolated_wallet(rest: RestClient) -> Decimal:
    _, rows = await rest.signed("GET", "/fapi/v3/positionRisk")
    return D(rows[0]["isolatedWallet"])


async def test_multi_assets_mode_excludes_isolated_margin(rest: RestClient) -> None:
    path = "/fapi/v1/multiAssetsMargin"
    assert (await rest.signed("POST", path, multiAssetsMargin="true"))[0] == 200
    assert await rest.signed("GET", path) == (200, {"multiAssetsMargin": True})
    isolated = {"symbol": "BTCUSDT", "marginType": "ISOLATED"}
    assert (await rest.signed("POST", "/fapi/v1/marginType", **isolated))[1]["code"] == -4168
    await rest.signed("POST", path, multiAssetsMargin="false")
    assert (await rest.signed("POST", "/fapi/v1/marginType", **isolated))[0] == 200
    assert (await rest.signed("POST", path, multiAssetsMargin="true"))[1]["code"] == -4167


@pytest.mark.parametrize(
    ("path", "name"),
    [("markPriceKlines", "symbol"), ("indexPriceKlines", "pair"), ("premiumIndexKlines", "symbol")],
)
async def test_prices_that_are_not_traded_have_klines(
    rest: RestClient, path: str, name: str
) -> None:
    query = f"{name}=BTCUSDT&interval=5m&limit=3"
    status, rows = await rest.plain("GET", f"/fapi/v1/{path}?{query}")
    assert (status, len(rows)) == (200, 3)
    closed = 0 if path.startswith("premium") else 100_000
    assert [float(row[4]) for row in rows] == [closed] * 3
    assert {row[5] for row in rows} == {"0"}


async def test_historical_trades_begin_with_an_id_and_need_a_key(rest: RestClient) -> None:
    _, rows = await rest.plain("GET", "/fapi/v1/historicalTrades?symbol=BTCUSDT&limit=5")
    first = rows[1]["id"]
    query = f"symbol=BTCUSDT&limit=2&fromId={first}"
    _, found = await rest.plain("GET", f"/fapi/v1/historicalTrades?{query}")
    assert [row["id"] for row in found] == [first, first + 1]
    status, _ = await rest.plain("GET", f"/fapi/v1/historicalTrades?{query}", key="")
    assert status == 401


async def test_book_with_retail_price_improvement_is_the_book(rest: RestClient) -> None:
    _, shown = await rest.plain("GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=5")
    assert await rest.plain("GET", "/fapi/v1/rpiDepth?symbol=BTCUSDT&limit=5") == (200, shown)


async def test_queue_of_a_position_is_shown(rest: RestClient) -> None:
    assert await rest.signed("GET", "/fapi/v1/adlQuantile") == (200, [])
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    await rest.signed("POST", "/fapi/v1/order", **order)
    shown = [{"symbol": "BTCUSDT", "adlQuantile": {"BOTH": 1}}]
    assert await rest.signed("GET", "/fapi/v1/adlQuantile", symbol="BTCUSDT") == (200, shown)


@pytest.mark.parametrize("kind", ["income", "order", "trade"])
async def test_an_ordered_history_is_accepted_and_stays_in_process(
    rest: RestClient, kind: str
) -> None:
    span = {"startTime": 1, "endTime": 86_400_000}
    _, body = await rest.signed("GET", f"/fapi/v1/{kind}/asyn", **span)
    assert await rest.signed("GET", f"/fapi/v1/{kind}/asyn", **span) == (200, body)
    number = body["downloadId"]
    _, link = await rest.signed("GET", f"/fapi/v1/{kind}/asyn/id", downloadId=number)
    assert (link["downloadId"], link["status"], link["url"]) == (number, "processing", "")


async def test_a_history_needs_a_span_of_a_year_at_most(rest: RestClient) -> None:
    path = "/fapi/v1/order/asyn"
    assert (await rest.signed("GET", path, startTime=1))[1]["code"] == -1102
    years = {"startTime": 1, "endTime": 2 * 366 * 86_400_000}
    assert (await rest.signed("GET", path, **years))[1]["code"] == -1130


PAIR: dict[str, object] = {"fromAsset": "USDT", "toAsset": "BNB"}


@pytest.mark.parametrize(
    ("method", "path", "more", "code"),
    [
        ("POST", "convert/getQuote", {**PAIR, "fromAmount": 1}, -1121),
        ("POST", "convert/getQuote", PAIR, -1102),
        ("POST", "convert/acceptQuote", {"quoteId": "1"}, -1130),
        ("GET", "convert/orderStatus", {"orderId": "1"}, -2013),
        ("POST", "feeBurn", {"feeBurn": "true"}, -1130),
        ("POST", "stock/contract", {}, -4109),
    ],
)  # fmt: skip
async def test_what_no_account_here_can_do_is_refused(
    rest: RestClient, method: str, path: str, more: dict[str, object], code: int
) -> None:
    status, body = await rest.signed(method, f"/fapi/v1/{path}", **more)
    assert (status, body["code"]) == (400, code)


async def test_the_fee_switch_is_off_and_may_be_switched_off(rest: RestClient) -> None:
    done = {"code": 200, "msg": "success"}
    assert await rest.signed("POST", "/fapi/v1/feeBurn", feeBurn="false") == (200, done)
    assert await rest.signed("GET", "/fapi/v1/feeBurn") == (200, {"feeBurn": False})


async def test_a_recorded_index_stands_beside_the_mark_price(
    serving: Serving, tmp_path: Path
) -> None:
    before = START - 120 * MINUTE_MS
    write_candles(tmp_path / "index" / "candles", "BTCUSDT", calm(99_000.0, 240), before)
    async with serving() as server, aiohttp.ClientSession() as session:
        rest = RestClient(session, server.url)
        _, shown = await rest.plain("GET", "/fapi/v1/premiumIndex?symbol=BTCUSDT")
        assert float(shown["markPrice"]) == pytest.approx(100_000, rel=2e-3)
        assert float(shown["indexPrice"]) == pytest.approx(99_000, rel=2e-3)
        query = "interval=5m&limit=3"
        _, rows = await rest.plain("GET", f"/fapi/v1/indexPriceKlines?pair=BTCUSDT&{query}")
        assert {float(row[4]) for row in rows} == {99_000.0}
        _, rows = await rest.plain("GET", f"/fapi/v1/markPriceKlines?symbol=BTCUSDT&{query}")
        assert {float(row[4]) for row in rows} == {100_000.0}
        _, rows = await rest.plain("GET", f"/fapi/v1/premiumIndexKlines?symbol=BTCUSDT&{query}")
        assert {row[4] for row in rows} == {"0.01010101"}
        _, other = await rest.plain("GET", "/fapi/v1/premiumIndex?symbol=ETHUSDT")
        assert other["indexPrice"] == other["markPrice"], "ETHUSDT has no index candles"


async def test_an_index_moves_with_its_recording(serving: Serving, tmp_path: Path) -> None:
    before = START - 120 * MINUTE_MS
    write_candles(tmp_path / "other", "BTCUSDT", calm(99_000.0, 240), before)
    moved = {"redate": "now", "indexes": tmp_path / "other"}
    async with serving(**moved) as server, aiohttp.ClientSession() as session:
        rest = RestClient(session, server.url)
        _, shown = await rest.plain("GET", "/fapi/v1/premiumIndex?symbol=BTCUSDT")
        assert float(shown["indexPrice"]) == pytest.approx(99_000, rel=2e-3)
