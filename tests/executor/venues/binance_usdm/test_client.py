"""The Binance adapter against an HTTP server with scripted answers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from executor.model import KeyPermissions, instrument_id
from executor.settings import VenueSettings
from executor.venues.api_key import key_problem, key_warnings
from executor.venues.binance.error_codes import classify
from executor.venues.binance.masking import masked
from executor.venues.binance_usdm.client import BinanceUsdm
from executor.venues.faults import OutcomeUnknown, RateLimited, Temporary

BTCUSDT = instrument_id("BTCUSDT", "binance_usdm")
GONE = instrument_id("GONEUSDT", "binance_usdm")
KEYS = ("a-public-key-part", "a-hidden-secret-part")
FILTERS = [
    {"filterType": "PRICE_FILTER", "tickSize": "0.1"},
    {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "100"},
]
ANSWERS: dict[str, tuple[int, Any]] = {
    "/fapi/v1/time": (200, {"serverTime": 0}),
    "/fapi/v1/positionSide/dual": (200, {"dualSidePosition": False}),
    "/fapi/v1/exchangeInfo": (200, {"symbols": [{"symbol": "BTCUSDT", "filters": FILTERS}]}),
    "/fapi/v1/marginType": (400, {"code": -4046, "msg": "No need to change margin type."}),
    "/fapi/v1/leverage": (200, {"leverage": 5}),
    "/fapi/v1/symbolConfig": (
        200,
        [{"symbol": "BTCUSDT", "marginType": "ISOLATED", "leverage": 5}],
    ),
}


@asynccontextmanager
async def adapter(**answers: Any) -> AsyncIterator[BinanceUsdm]:
    """The real adapter; ``answers`` are keyed by the last part of the path."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        status, body = answers.get(
            request.path.rsplit("/", 1)[1], ANSWERS.get(request.path, (404, {}))
        )
        if body == "hang up":
            assert request.transport is not None
            request.transport.abort()
        if request.path.endswith("/time"):
            body = {"serverTime": int(time.time() * 1000)}
        headers = {"Retry-After": "1"} if status == 429 else {}
        return web.json_response(body, status=status, headers=headers)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    venue = BinanceUsdm(
        VenueSettings(rest_url=url, ws_url="ws://127.0.0.1:1", account_url=url), *KEYS
    )
    try:
        yield venue
    finally:
        await venue.close()
        await runner.cleanup()


async def test_margin_and_leverage_are_read_back_before_anything_is_entered() -> None:
    async with adapter() as venue:
        assert (await venue.connect([BTCUSDT], 5))[BTCUSDT].refused == ""
    wrong = [{"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 20}]
    async with adapter(symbolConfig=(200, wrong)) as venue:
        refused = (await venue.connect([BTCUSDT], 5))[BTCUSDT].refused
        assert refused == "margin CROSSED, leverage 20, wanted ISOLATED, 5"


async def test_a_refused_leverage_does_not_keep_the_executor_from_starting() -> None:
    held = {"code": -4161, "msg": "Leverage reduction is not supported with open positions."}
    wrong = [{"symbol": "BTCUSDT", "marginType": "ISOLATED", "leverage": 20}]
    async with adapter(leverage=(400, held), symbolConfig=(200, wrong)) as venue:
        refused = (await venue.connect([BTCUSDT], 5))[BTCUSDT].refused
        assert "leverage 20" in refused
        assert "-4161" in refused


async def test_a_symbol_that_is_not_listed_is_left_out() -> None:
    async with adapter() as venue:
        assert list(await venue.connect([BTCUSDT, GONE], 5)) == [BTCUSDT]


async def test_the_text_of_a_failed_request_shows_no_signature() -> None:
    async with adapter(positionRisk=(200, "hang up")) as venue:
        with pytest.raises(OutcomeUnknown) as caught:
            await venue.positions()
    assert "a-public-key-part" not in str(caught.value)
    assert "signature=***" in masked(f"GET https://x/y?a=1&signature={'0' * 64} failed")
    assert "0" * 64 not in str(caught.value)
    for text in ("url='wss://h/private/ws?listenKey=abc'", '{"listenKey": "abc"}'):
        assert "abc" not in masked(text)


async def test_a_rate_limit_holds_everything_back_and_a_shorter_one_does_not_shorten_it() -> None:
    async with adapter(positionRisk=(429, {"code": -1003, "msg": "Too many requests."})) as venue:
        venue._blocked_until = time.monotonic() - 1
        with pytest.raises(RateLimited):
            await venue.positions()
        with pytest.raises(RateLimited, match="not sent"):
            await venue.balances()


def test_too_many_orders_hold_back_orders_only() -> None:
    fault = classify(429, {"Retry-After": "10"}, '{"code": -1015, "msg": "Too many new orders."}')
    assert isinstance(fault, Temporary)


SAFE = KeyPermissions(trade=True, withdraw=False, transfer=False, ip_restricted=True)


@pytest.mark.parametrize(
    ("allowed", "problem"),
    [
        (SAFE, ""),
        (KeyPermissions(True, True, False, True), "can withdraw"),
        (KeyPermissions(True, False, True, True), "can transfer"),
        (KeyPermissions(False, False, False, True), "cannot trade here"),
    ],
)
def test_a_key_that_can_move_money_away_is_refused(allowed: KeyPermissions, problem: str) -> None:
    assert problem in key_problem(allowed)
    assert bool(key_problem(allowed)) == bool(problem)


def test_a_key_without_an_address_or_near_its_end_is_warned_of() -> None:
    day = 86_400_000
    assert key_warnings(SAFE, 0) == []
    loose = KeyPermissions(True, False, False, False, expires_at=3 * day)
    assert [w.split(";")[0] for w in key_warnings(loose, 0)] == [
        "the API key works from every address",
        "the API key expires in 3 days",
    ]


async def test_permissions_are_read_where_the_exchange_shows_them() -> None:
    shown = {
        "enableFutures": True,
        "enableWithdrawals": True,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": False,
        "ipRestrict": False,
    }
    async with adapter(apiRestrictions=(200, shown)) as venue:
        allowed = await venue.key_permissions()
        assert allowed == KeyPermissions(True, True, False, False)
    test_network = VenueSettings(rest_url="http://127.0.0.1:1", ws_url="ws://127.0.0.1:1")
    silent = BinanceUsdm(test_network, *KEYS)
    assert await silent.key_permissions() is None
    await silent.close()
