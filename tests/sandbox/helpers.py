"""Short builders of orders and candles, and a raw signed REST client."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support as ccxt_async
import ccxt.pro as ccxt_pro
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.engines.usdm.events import AlgoChanged, OrderChanged, UsdmEvent
from sandbox.engines.usdm.requests import AlgoOrderRequest, UsdmOrderRequest
from sandbox.protocol.signing import sign
from trading.candles import MINUTE_MS

D = Decimal
START = int(datetime(2025, 6, 20, tzinfo=UTC).timestamp() * 1000)
Row = tuple[float, float, float, float]


def write_candles(folder: Path, symbol: str, rows: list[Row], begin: int = START) -> None:
    """Write one-minute candles of (open, high, low, close) that start at ``begin``."""
    folder.mkdir(parents=True, exist_ok=True)
    opened, high, low, close = (list(column) for column in zip(*rows, strict=True))
    times = pa.array([begin + i * MINUTE_MS for i in range(len(rows))], pa.timestamp("ms", "UTC"))
    columns = {
        "open_time": times,
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": [10.0] * len(rows),
    }
    pq.write_table(pa.table(columns), folder / f"{symbol}.parquet")


def calm(price: float, minutes: int) -> list[Row]:
    """Make candles that go up and down by 0.1 %."""
    return [(price, price * 1.001, price * 0.999, price)] * minutes


def market(side: str, quantity: str, **more: Any) -> UsdmOrderRequest:
    """Build a BTCUSDT market order."""
    return UsdmOrderRequest("BTCUSDT", side, "MARKET", D(quantity), **more)


def limit(side: str, quantity: str, price: str, **more: Any) -> UsdmOrderRequest:
    """Build a BTCUSDT limit order."""
    return UsdmOrderRequest("BTCUSDT", side, "LIMIT", D(quantity), D(price), **more)


def stop(side: str, trigger: str, **more: Any) -> AlgoOrderRequest:
    """Build a BTCUSDT stop that closes the position."""
    values = {"close_position": True, **more}
    return AlgoOrderRequest("BTCUSDT", side, "STOP_MARKET", trigger_price=D(trigger), **values)


def in_words(events: list[UsdmEvent]) -> list[str]:
    """Describe order and algo events: ``order NEW``, ``algo TRIGGERED``."""
    words = []
    for event in events:
        if isinstance(event, OrderChanged):
            words.append(f"order {event.execution}")
        elif isinstance(event, AlgoChanged):
            words.append(f"algo {event.algo.status}")
    return words


class RestClient:
    """Sends raw requests as a client of the exchange would."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str = "sandbox") -> None:
        self._session = session
        self._url = url
        self._secret = secret
        self.headers: dict[str, str] = {}

    async def signed(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        """Send a signed request; a ``timestamp`` in ``params`` is kept."""
        params.setdefault("timestamp", time.time_ns() // 1_000_000)
        query = "&".join(f"{name}={value}" for name, value in params.items())
        return await self.plain(method, f"{path}?{query}&signature={sign(self._secret, query)}")

    async def plain(self, method: str, path: str, key: str = "sandbox") -> tuple[int, Any]:
        """Send an unsigned request; return its status and JSON (or text)."""
        headers = {"X-MBX-APIKEY": key} if key else {}
        async with self._session.request(method, self._url + path, headers=headers) as answer:
            self.headers = dict(answer.headers)
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            return answer.status, await answer.text()


def rewritten(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {name: rewritten(inner, url) for name, inner in value.items()}
    if isinstance(value, str):
        base = url.replace("http", "ws", 1) if value.startswith("ws") else url
        return re.sub(r"^(https?|wss?)://[^/]+", base, value)
    return value


def rest_exchange(url: str) -> Any:
    """Make an unmodified ccxt client that is pointed at the sandbox."""
    return _pointed(ccxt_async.binanceusdm, url)


def stream_exchange(url: str) -> Any:
    """Make an unmodified ccxt.pro client that is pointed at the sandbox."""
    return _pointed(ccxt_pro.binanceusdm, url)


def spot_exchange(url: str, *, streams: bool = False) -> Any:
    """Make an unmodified ccxt client for spot that is pointed at the sandbox."""
    exchange = _pointed((ccxt_pro if streams else ccxt_async).binance, url)
    exchange.options["fetchMarkets"] = {"types": ["spot"]}
    return exchange


def _pointed(kind: Any, url: str) -> Any:
    exchange = kind({"apiKey": "sandbox", "secret": "sandbox", "enableRateLimit": False})
    exchange.urls["api"] = rewritten(exchange.urls["api"], url)
    return exchange


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition, at most ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
