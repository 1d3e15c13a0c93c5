"""A run on a test network needs nothing but settings: hosts, paths and signatures of requests."""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from ccxt.async_support.base.exchange import Exchange

from executor.model import NewOrder, OrderKind, OrderState, VenueOrder, instrument_id
from executor.settings import Settings
from executor.venues.faults import VenueFaultError
from executor.venues.interface import Venue
from executor.venues.plugin import ConnectionRequest
from executor.venues.registry import get_venue

ROOT = Path(__file__).parents[3]
KEY, SECRET = "a-key", "a-secret"
NAMES = {
    "binance_usdm": "https://demo-fapi.binance.com",
    "binance_spot": "https://testnet.binance.vision",
}
Sent = tuple[str, str, dict[str, str]]
"""Method, address without its query, and parameters."""


def example() -> Settings:
    """The settings of the example file, with its commented section of spot."""
    text = (ROOT / "config" / "settings.example.toml").read_text(encoding="utf-8")
    begin = text.index("# [venues.binance_spot]")
    section = text[begin : text.index("[paths]")]
    plain = "\n".join(line.removeprefix("# ") for line in section.splitlines())
    return Settings.model_validate(tomllib.loads(text.replace(section, plain)))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """Every request that would leave, with its signature checked; the answers are empty."""
    found: list[Sent] = []

    async def fetch(
        _self: Any, url: str, method: str = "GET", headers: Any = None, body: Any = None
    ) -> Any:
        parts = urlsplit(url)
        query = body if isinstance(body, str) and body else parts.query
        params = dict(parse_qsl(query))
        if "signature" in params:
            signed = query.rpartition("&signature=")[0]
            expected = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
            assert params["signature"] == expected
            assert headers["X-MBX-APIKEY"] == KEY
            assert {"timestamp", "recvWindow"} <= set(params)
        found.append((method, f"{parts.scheme}://{parts.netloc}{parts.path}", params))
        return {}

    monkeypatch.setattr(Exchange, "fetch", fetch)
    return found


def order(name: str, kind: OrderKind, **changes: Any) -> NewOrder:
    """An order of one tenth."""
    values: dict[str, Any] = {"quantity": Decimal("0.1"), **changes}
    return NewOrder("n1-x", instrument_id("ETHUSDT", name), "SELL", kind, **values)


def resting(name: str, *, conditional: bool) -> VenueOrder:
    """An order to cancel."""
    return VenueOrder(
        "n1-x",
        "1",
        instrument_id("ETHUSDT", name),
        "SELL",
        "MARKET",
        OrderState.ACCEPTED,
        conditional=conditional,
    )


STOP = {"trigger_price": Decimal(1_000), "exits": True}
Request = Callable[[Venue, str], Awaitable[Any]]
USDM: list[tuple[Request, list[str]]] = [
    (lambda v, _: v.balances(), ["GET /fapi/v3/account"]),
    (lambda v, _: v.positions(), ["GET /fapi/v3/positionRisk"]),
    (lambda v, _: v.open_orders(), ["GET /fapi/v1/openOrders", "GET /fapi/v1/openAlgoOrders"]),
    (lambda v, n: v.place(order(n, OrderKind.MARKET)), ["POST /fapi/v1/order"]),
    (lambda v, n: v.place(order(n, OrderKind.STOP_MARKET, **STOP)), ["POST /fapi/v1/algoOrder"]),
    (lambda v, n: v.cancel(resting(n, conditional=True)), ["DELETE /fapi/v1/algoOrder"]),
    (lambda v, n: v.cancel(resting(n, conditional=False)), ["DELETE /fapi/v1/order"]),
    (lambda v, n: v.trades(instrument_id("ETHUSDT", n)), ["GET /fapi/v1/userTrades"]),
    (lambda v, n: v.recent_orders(instrument_id("ETHUSDT", n), 1), ["GET /fapi/v1/allOrders"]),
    (lambda v, n: v.set_leverage(instrument_id("ETHUSDT", n), 3), ["POST /fapi/v1/leverage"]),
    (lambda v, _: v.transfers(1), ["GET /fapi/v1/income"] * 4),
]
SPOT: list[tuple[Request, list[str]]] = [
    (lambda v, _: v.balances(), ["GET /api/v3/account"]),
    (lambda v, _: v.open_orders(), ["GET /api/v3/openOrders"]),
    (lambda v, n: v.place(order(n, OrderKind.MARKET)), ["POST /api/v3/order"]),
    (
        lambda v, n: v.place(
            order(
                n,
                OrderKind.STOP_MARKET,
                **STOP,
                partner=order(n, OrderKind.TAKE_PROFIT_MARKET, trigger_price=Decimal(2_000)),
            )
        ),
        ["POST /api/v3/orderList/oco"],
    ),
    (lambda v, n: v.cancel(resting(n, conditional=True)), ["DELETE /api/v3/order"]),
    (lambda v, n: v.trades(instrument_id("ETHUSDT", n)), ["GET /api/v3/myTrades"]),
    (lambda v, n: v.recent_orders(instrument_id("ETHUSDT", n), 1), ["GET /api/v3/allOrders"]),
]


@pytest.mark.parametrize(
    ("name", "request_", "paths"),
    [("binance_usdm", *row) for row in USDM] + [("binance_spot", *row) for row in SPOT],
)
async def test_each_signed_request_goes_to_the_documented_path_of_the_test_network(
    sent: list[Sent], name: str, request_: Request, paths: list[str]
) -> None:
    settings = example().venues[name]
    venue = get_venue(name).connect(ConnectionRequest(settings, KEY, SECRET, 30.0, 1_200.0)).venue
    with suppress(VenueFaultError):
        await request_(venue, name)
    await venue.close()
    base = NAMES[name]
    assert sorted(f"{method} {url.removeprefix(base)}" for method, url, _ in sent) == sorted(paths)
    assert all("signature" in params for _, _, params in sent)


@pytest.mark.parametrize("name", NAMES)
async def test_market_data_is_requested_without_a_key(sent: list[Sent], name: str) -> None:
    settings = example().venues[name]
    venue = get_venue(name).connect(ConnectionRequest(settings, KEY, SECRET, 30.0, 1_200.0)).venue
    symbol = instrument_id("ETHUSDT", name)
    for request in (venue.klines(symbol, "1m", 0, 60_000), venue.last_price(symbol)):
        with suppress(VenueFaultError):
            await request
    await venue.close()
    root = "/fapi/v1" if name == "binance_usdm" else "/api/v3"
    assert [url.removeprefix(NAMES[name]) for _, url, _ in sent] == [
        f"{root}/klines",
        f"{root}/ticker/price",
    ]
    assert all("signature" not in params for _, _, params in sent)


def test_streams_go_to_the_hosts_of_the_test_networks() -> None:
    venues = example().venues
    assert venues["binance_usdm"].ws_url == "wss://fstream.binancefuture.com"
    assert venues["binance_spot"].ws_url == "wss://stream.testnet.binance.vision"
    assert venues["binance_spot"].user_url == "wss://ws-api.testnet.binance.vision"
