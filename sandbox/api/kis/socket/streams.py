"""KIS streams: trades, the book, own notices; frames of columns joined by ``^``."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from sandbox.api.kis import market_json
from sandbox.api.krw.account_streams import AccountConnection
from sandbox.api.stream_hub import Stream, StreamHub
from sandbox.faults.injection import Faults
from sandbox.market.feed import SymbolFeed, TradePrint

TRADES, BOOK, NOTICE = "H0STCNT0", "H0STASP0", "H0STCNI9"
# The kind of stream that the hub knows, by transaction.
KINDS = {TRADES: "trade", BOOK: "depth"}
BLOCK_BITS = 128


class KisConnection(AccountConnection):
    """A client's connection; its account is that of the approval key, once it wants notices."""

    def __init__(self, socket: web.WebSocketResponse, faults: Faults) -> None:
        super().__init__(socket, "market", faults, combined=False)
        self.customer = ""
        self.registered: set[tuple[str, str]] = set()
        self.key, self.iv = secrets.token_hex(16), secrets.token_hex(8)

    def is_private(self, name: str) -> bool:
        """Whether a stream carries the events of an account."""
        return name == NOTICE

    def carries(self, *, private: bool) -> bool:
        """Whether the connection carries account events, or market data."""
        return bool(self.account) if private else bool(self.names)

    def put(self, raw: bytes) -> None:
        """Queue an event as a frame; a system message stays JSON."""
        document = orjson.loads(raw)
        if "TR_ID" not in document:
            super().put(raw)
            return
        name = document.pop("TR_ID")
        text = "^".join(str(value) for value in document.values())
        if name == NOTICE:
            super().put(f"1|{name}|001|{self._encrypted(text)}".encode())
        else:
            super().put(f"0|{name}|001|{text}".encode())

    def _encrypted(self, text: str) -> str:
        padder = PKCS7(BLOCK_BITS).padder()
        padded = padder.update(text.encode()) + padder.finalize()
        cipher = Cipher(algorithms.AES(self.key.encode()), modes.CBC(self.iv.encode())).encryptor()
        return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()


class KisHub(StreamHub):
    """The streams of the market."""

    def tick_event(self, stream: Stream, tick: TradePrint, rate: Any) -> Mapping[str, Any]:
        """Return a trade's columns, or those of the book after it."""
        del rate
        feed = self._feeds[tick.symbol]
        if stream.kind == "trade":
            return {"TR_ID": TRADES, **market_json.trade_columns(feed, tick)}
        return self.book_event(feed, stream, tick.time)

    def book_event(self, feed: SymbolFeed, stream: Stream, time: int) -> Mapping[str, Any]:
        """Return the columns of the book."""
        del stream
        return {"TR_ID": BOOK, **market_json.book_columns(feed, time)}
