"""Fixtures of python-binance's test-suite, which its source distribution leaves out."""

import os

import pytest
from binance.async_client import AsyncClient
from binance.client import Client
from binance.ws.streams import BinanceSocketManager

URL = os.environ["SANDBOX_URL"]
WS = URL.replace("http", "ws", 1)
proxies, proxy = {}, None
api_key = api_secret = futures_api_key = futures_api_secret = "sandbox"
testnet = demo = False
HOSTS = {
    "API_URL": f"{URL}/api",
    "MARGIN_API_URL": f"{URL}/sapi",
    "FUTURES_URL": f"{URL}/fapi",
    "FUTURES_DATA_URL": f"{URL}/futures/data",
    "FUTURES_COIN_URL": f"{URL}/dapi",
    "OPTIONS_URL": f"{URL}/eapi",
    "WS_API_URL": f"{WS}/ws-api/v3",
    "WS_FUTURES_URL": f"{WS}/ws-fapi/v1",
}
for kind in (Client, AsyncClient):
    for name, url in HOSTS.items():
        setattr(kind, name, url)
BinanceSocketManager.STREAM_URL = BinanceSocketManager.FSTREAM_URL = f"{WS}/"
KEYS = {"api_key": "sandbox", "api_secret": "sandbox"}


def _client():
    client = Client(**KEYS)
    yield client
    client.close_connection()


async def _async_client():
    client = await AsyncClient.create(**KEYS)
    yield client
    await client.close_connection()


client, futuresClient, liveClient, prod_client = (pytest.fixture(_client) for _ in range(4))
clientAsync, futuresClientAsync, asyncClient, liveClientAsync = (
    pytest.fixture(_async_client) for _ in range(4)
)


@pytest.fixture
def manager():
    return BinanceSocketManager(Client(**KEYS))


def call_method_and_assert_uri_contains(client, method_name, expected, *args, **kwargs):
    uris, request = [], client._request

    def noted(method, uri, *more, **options):
        uris.append(uri)
        return request(method, uri, *more, **options)

    client._request = noted
    result = getattr(client, method_name)(*args, **kwargs)
    assert any(expected in uri for uri in uris)
    return result


def pytest_configure(config):
    for name in ("spot", "futures", "margin", "portfolio", "gift_card", "options"):
        config.addinivalue_line("markers", name)
