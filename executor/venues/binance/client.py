"""What the REST clients of Binance's markets share: candles, prices, permissions, repeated ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from executor.model import InstrumentId, KeyPermissions, NewOrder, VenueOrder, symbol_of
from executor.venues.binance.readable import readable
from executor.venues.binance.transport import BinanceTransport
from executor.venues.binance.values import candle_of_row, positive
from executor.venues.faults import DuplicateOrder
from executor.venues.interface import ConnectionSettings
from trading.candles import Candle, interval_ms

KLINES_A_CALL = 1_000


@dataclass(frozen=True, slots=True)
class MarketCalls:
    """What differs between two markets in the calls that they share."""

    client: type[Any]
    """The class of ccxt that signs the requests."""
    account_urls: dict[str, str]
    weight_a_minute: int
    time: str
    klines: str
    ticker: str
    trade_flag: str
    """The field of a key's permissions that allows orders here."""


class BinanceClient(ABC):
    """One account on one of Binance's markets."""

    market: MarketCalls

    def __init__(self, settings: ConnectionSettings, key: str, secret: str) -> None:
        market = self.market
        self._transport = BinanceTransport(
            market.client,
            settings,
            (key, secret),
            time_endpoint=market.time,
            account_url=settings.account_url or market.account_urls.get(settings.rest_url),
            weight_a_minute=market.weight_a_minute,
        )
        self._call = self._transport.call

    @property
    def offset_ms(self) -> int:
        """Exchange time minus local time."""
        return self._transport.offset_ms

    async def close(self) -> None:
        """Release the connections."""
        await self._transport.close()

    @readable
    async def key_permissions(self) -> KeyPermissions | None:
        """What the key may do; None on test networks, which do not show it."""
        if self._transport.account_url is None:
            return None
        answer = await self._call("sapiGetAccountApiRestrictions")
        expiry = answer.get("tradingAuthorityExpirationTime")
        return KeyPermissions(
            trade=bool(answer.get(self.market.trade_flag)),
            withdraw=bool(answer.get("enableWithdrawals")),
            transfer=bool(
                answer.get("enableInternalTransfer") or answer.get("permitsUniversalTransfer")
            ),
            ip_restricted=bool(answer.get("ipRestrict")),
            expires_at=int(expiry) if expiry else None,
        )

    @readable
    async def klines(
        self, symbol: InstrumentId, interval: str, start_ms: int, end_ms: int
    ) -> list[Candle]:
        """Candles with open time in [start, end), oldest first, in as many calls as needed."""
        candles: list[Candle] = []
        step = interval_ms(interval)
        while start_ms < end_ms:
            await self._transport.wait_for_weight()
            rows = await self._call(
                self.market.klines,
                symbol=symbol_of(symbol),
                interval=interval,
                startTime=start_ms,
                endTime=end_ms - 1,
                limit=KLINES_A_CALL,
            )
            candles.extend(candle_of_row(row) for row in rows)
            if len(rows) < KLINES_A_CALL:
                break
            start_ms = candles[-1].open_time + step
        return candles

    @readable
    async def last_price(self, symbol: InstrumentId) -> float:
        """Last trade price."""
        answer = await self._call(self.market.ticker, symbol=symbol_of(symbol))
        return positive(answer["price"])

    @readable
    async def place(self, order: NewOrder) -> VenueOrder:
        """Send an order; after a duplicate id, return the order that exists."""
        try:
            return await self._send(order)
        except DuplicateOrder:
            known = await self.query(order.symbol, order.client_id, conditional=order.conditional)
            if known is None:
                raise
            return known

    @abstractmethod
    async def _send(self, order: NewOrder) -> VenueOrder:
        """Send an order of this market."""

    @abstractmethod
    async def query(
        self, symbol: InstrumentId, client_id: str, *, conditional: bool
    ) -> VenueOrder | None:
        """The order of this id, or None where the exchange knows none (yet)."""


def unlisted(symbols: Iterable[InstrumentId], known: Iterable[InstrumentId]) -> list[InstrumentId]:
    """Symbols that the exchange does not list, sorted."""
    return sorted(set(symbols) - set(known))
