"""Fees in the quote asset, at the price of the trade's own minute."""

from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal

from executor.model import VenueFill, instrument_id, venue_of
from executor.portfolio.portfolio import Portfolio
from executor.services import Services
from executor.venues.faults import VenueFaultError
from trading.candles import MINUTE_MS

log = logging.getLogger(__name__)


class TradeFees:
    """Says what the fee of a trade was worth; the price of a minute is requested once."""

    def __init__(self, services: Services, portfolio: Portfolio) -> None:
        self._services = services
        self._portfolio = portfolio
        self._prices: dict[tuple[str, int], Decimal] = {}

    async def priced(self, fill: VenueFill) -> VenueFill:
        """The trade with its fee in the quote asset; without it while no price is known."""
        instrument = self._portfolio.instruments.get(fill.symbol)
        if instrument is None or not fill.fee or fill.fee_asset == instrument.quote_asset:
            return replace(fill, fee_quote=fill.fee)
        if fill.fee_asset == instrument.base_asset:
            margin = self._services.venue_of(fill.symbol).capabilities.margin
            taken = fill.fee if fill.side == "BUY" and not margin else fill.fee_base
            return replace(fill, fee_quote=fill.fee * fill.price, fee_base=taken)
        price = await self._price(fill, fill.fee_asset, instrument.quote_asset)
        return replace(fill, fee_quote=None if price is None else fill.fee * price)

    async def _price(self, fill: VenueFill, asset: str, quote: str) -> Decimal | None:
        minute = fill.time - fill.time % MINUTE_MS
        pair = instrument_id(f"{asset}{quote}", venue_of(fill.symbol))
        known = self._prices.get((pair, minute))
        if known is not None:
            return known
        venue = self._services.venue_of(fill.symbol)
        try:
            found = await venue.klines(pair, "1m", minute, minute + MINUTE_MS)
            price = found[0].close if found else await venue.last_price(pair)
        except VenueFaultError as fault:
            log.warning("%s: the fee of %s %s has no price yet: %s", pair, fill.fee, asset, fault)
            return None
        if len(self._prices) > 1_000:
            self._prices.clear()
        self._prices[pair, minute] = Decimal(str(price))
        return self._prices[pair, minute]

    async def price_late(self) -> None:
        """Price the fees that had no price when their trades came, and book them."""
        ledger = self._services.ledger
        changed: set[int] = set()
        for fill, position_id in ledger.unpriced_fills():
            fee = (await self.priced(fill)).fee_quote
            if fee is not None:
                ledger.price_fee(fill, fee)
                changed |= {position_id} if position_id is not None else set()
        for position_id in sorted(changed):
            fees = sum(
                (f.fee_quote or Decimal(0) for f in ledger.fills_of(position_id)), Decimal(0)
            )
            ledger.update_position(position_id, fees=fees)
