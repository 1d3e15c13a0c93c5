"""Orders that are signed here have the bytes that ccxt would send."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ccxt.async_support.binance import binance
from ccxt.async_support.binanceusdm import binanceusdm

from executor.model import NewOrder, OrderKind, instrument_id
from executor.settings import VenueSettings
from executor.venues.binance.client import BinanceClient
from executor.venues.binance.signing import OrderSigner, can_sign
from executor.venues.binance_spot.client import BinanceSpot
from executor.venues.binance_usdm.client import BinanceUsdm
from trading.order_ids import OrderLeg, format_order_id

MOMENT = 1_750_248_000_123
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n-----END PRIVATE KEY-----"
ID = format_order_id("abcdefgh", "abcdefghabcdefgh", OrderLeg.ENTRY, 0)
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.015"}
STOP = {"algoType": "CONDITIONAL", "symbol": "币安人生USDT", "triggerPrice": "61000.10"}


@pytest.mark.parametrize(
    ("client", "endpoint", "params"),
    [
        (binanceusdm, "fapiPrivatePostOrder", {**ORDER, "newClientOrderId": ID}),
        (binanceusdm, "fapiPrivatePostAlgoOrder", {**STOP, "clientAlgoId": ID}),
        (binance, "privatePostOrder", {**ORDER, "newClientOrderId": ID, "note": "a b&c=d/é"}),
    ],
)
async def test_a_signed_order_has_the_bytes_of_ccxts_own(
    client: type[Any], endpoint: str, params: dict[str, str]
) -> None:
    own, sent = client({"apiKey": "key", "secret": "secret", "enableRateLimit": False}), []

    async def fetch(*request: Any) -> dict[str, Any]:
        sent.append(request)
        return {}

    own.fetch, own.nonce = fetch, lambda: MOMENT
    own.options["recvWindow"] = 4_000
    await getattr(own, endpoint)(dict(params))
    made = OrderSigner(own, "secret").sign(endpoint, params)
    assert [(made.url, "POST", made.headers, made.body)] == sent
    assert f"timestamp={MOMENT}" in made.body
    await own.close()


def test_the_clocks_difference_is_that_of_the_moment() -> None:
    client = binanceusdm({"apiKey": "key", "secret": "secret"})
    client.milliseconds = lambda: MOMENT
    signer = OrderSigner(client, "secret")
    for difference in (0, 5_000):
        client.options["timeDifference"] = difference
        body = signer.sign("fapiPrivatePostOrder", ORDER).body
        assert f"timestamp={MOMENT - difference}&" in body


def settings() -> VenueSettings:
    """A venue at an address where nobody listens."""
    return VenueSettings.model_validate(
        {"rest_url": "http://127.0.0.1:1", "ws_url": "ws://127.0.0.1:1"}
    )


@pytest.mark.parametrize(
    ("client", "path"), [(BinanceUsdm, "/fapi/v1/order"), (BinanceSpot, "/api/v3/order")]
)
async def test_an_order_goes_to_the_address_of_the_settings(
    client: type[BinanceClient], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue, sent = client(settings(), "key", "secret"), []

    async def fetch(*request: Any) -> dict[str, Any]:
        sent.append(request)
        return {"orderId": 1, "symbol": "BTCUSDT", "status": "NEW", "side": "BUY", "type": "MARKET"}

    monkeypatch.setattr(venue._transport._ccxt, "fetch", fetch)
    venue._transport._ccxt.options["timeDifference"] = 0
    order = NewOrder(ID, instrument_id("BTCUSDT", venue.name), "BUY", OrderKind.MARKET, Decimal(1))
    await venue.place(order)
    await venue.close()
    ((url, method, headers, body),) = sent
    assert (url, method) == (f"http://127.0.0.1:1{path}", "POST")
    assert headers["X-MBX-APIKEY"] == "key"
    assert body.count(ID) == 1


def test_a_private_key_is_left_to_ccxt() -> None:
    assert can_sign("0123456789abcdef")
    assert not can_sign(PRIVATE_KEY)
