"""A round trip on the exchange's test network: buy, rest a stop, take it away, sell.

Each step is confirmed by asking, not by the answer to the request, as the executor does it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from executor.model import ZERO, Instrument, InstrumentId, NewOrder, OrderKind, OrderState
from executor.venues.faults import VenueFaultError
from executor.venues.interface import Venue
from trading.errors import NocturneError

CONFIRM_WITHIN_S = 5.0
UNDO_WITHIN_S = 30.0
"""A deadline of its own: a step that took too long must not end without the attempt."""
LOOK_S = 0.1
STOP_AT = 0.9
LEVERAGE = 1
ROOM = 2
"""Times the smallest order, so that what is bought can be sold after fees and a fall."""


class StepFailedError(Exception):
    """A step of the round trip was not confirmed; its text names the step and the reason."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What the round trip did: quantity, prices and how long the stop took to be listed."""

    quantity: Decimal
    price: float
    confirmed_in_s: float

    @property
    def text(self) -> str:
        """One line for the report."""
        return (
            f"bought {self.quantity.normalize():f} at {self.price:g}, saw its stop listed after"
            f" {self.confirmed_in_s:.1f} s, cancelled it and sold"
        )


async def round_trip(venue: Venue, symbol: InstrumentId) -> RoundTrip:
    """Trade the smallest quantity once and leave the account as it was.

    Raises:
        StepFailedError: a step was refused or not confirmed. What 30 s allowed was undone.
    """
    trip = _Trip(venue, symbol)
    try:
        return await trip.run()
    except (VenueFaultError, NocturneError) as error:
        raise StepFailedError(f"{trip.step}: {error}") from error
    finally:
        with suppress(VenueFaultError, NocturneError, StepFailedError, TimeoutError):
            async with asyncio.timeout(UNDO_WITHIN_S):
                await trip.undo()


class _Trip:
    def __init__(self, venue: Venue, symbol: InstrumentId) -> None:
        self._venue, self._symbol = venue, symbol
        self._name = f"golive-{secrets.token_hex(6)}"
        self._instrument: Instrument | None = None
        self._before = ZERO
        self._resting: NewOrder | None = None
        self.step = "connect"

    async def run(self) -> RoundTrip:
        venue, symbol = self._venue, self._symbol
        found = await venue.connect([symbol], LEVERAGE)
        if symbol not in found:
            raise StepFailedError(f"{self.step}: the test network does not list {symbol}")
        self._instrument = instrument = found[symbol]
        if instrument.refused:
            raise StepFailedError(f"{self.step}: {instrument.refused}")
        self._before = await self._held()
        price = await venue.last_price(symbol)
        quantity = smallest_order(instrument, price)
        await self._market("buy", "BUY", quantity)
        bought = instrument.whole_steps(await self._held() - self._before)
        confirmed_in_s = await self._rest_a_stop(instrument, bought, price)
        self.step = "cancel the stop"
        await self._cancel()
        await self._market("sell", "SELL", bought)
        left = instrument.whole_steps(await self._held() - self._before)
        if left != 0:
            raise StepFailedError(f"sell: {left.normalize():f} of {symbol} is still open")
        return RoundTrip(quantity, price, confirmed_in_s)

    async def undo(self) -> None:
        """Cancel what rests and sell what was bought, after a step that failed."""
        if self._instrument is None:
            return
        await self._cancel()
        left = self._instrument.whole_steps(await self._held() - self._before)
        if left > 0:
            await self._market("sell what was bought", "SELL", left)

    async def _held(self) -> Decimal:
        positions = await self._venue.positions()
        return sum((p.quantity for p in positions if p.symbol == self._symbol), ZERO)

    async def _market(self, step: str, side: str, quantity: Decimal) -> None:
        self.step = step
        order = NewOrder(
            client_id=f"{self._name}-{secrets.token_hex(3)}",
            symbol=self._symbol,
            side=side,
            kind=OrderKind.MARKET,
            quantity=quantity,
            reduce_only=side == "SELL" and self._venue.capabilities.reduce_only,
            exits=side == "SELL",
        )
        await self._venue.place(order)

        async def filled() -> bool:
            found = await self._venue.query(self._symbol, order.client_id, conditional=False)
            return found is not None and found.status is OrderState.FILLED

        await self._confirmed("the order did not fill", filled)
        wanted = self._before + (quantity if side == "BUY" else ZERO)
        assert self._instrument is not None
        step_size = self._instrument.step

        async def seen() -> bool:
            # A fee that is taken from the bought asset makes the position smaller.
            held = await self._held()
            return held > self._before if side == "BUY" else held - wanted < step_size

        await self._confirmed("the position does not show it", seen)

    async def _rest_a_stop(self, instrument: Instrument, quantity: Decimal, price: float) -> float:
        self.step = "rest a stop"
        begun = time.monotonic()
        self._resting = NewOrder(
            client_id=f"{self._name}-stop",
            symbol=self._symbol,
            side="SELL",
            kind=OrderKind.STOP_MARKET,
            quantity=quantity,
            trigger_price=instrument.round_price(price * STOP_AT),
            reduce_only=self._venue.capabilities.reduce_only,
            exits=True,
        )
        await self._venue.place(self._resting)
        await self._confirmed("the exchange does not list it", self._rests)
        return time.monotonic() - begun

    async def _rests(self) -> bool:
        listed = await self._venue.open_orders(self._symbol)
        return any(
            order.client_id == self._resting.client_id
            for order in listed
            if self._resting is not None
        )

    async def _cancel(self) -> None:
        if self._resting is None:
            return
        for order in await self._venue.open_orders(self._symbol):
            if order.client_id == self._resting.client_id:
                await self._venue.cancel(order)

        async def gone() -> bool:
            return not await self._rests()

        await self._confirmed("the stop is still listed", gone)
        self._resting = None

    async def _confirmed(self, otherwise: str, look: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + CONFIRM_WITHIN_S
        while not await look():
            if time.monotonic() > deadline:
                raise StepFailedError(f"{self.step}: {otherwise} within {CONFIRM_WITHIN_S:g} s")
            await asyncio.sleep(LOOK_S)


def smallest_order(instrument: Instrument, price: float) -> Decimal:
    """Return the smallest quantity in whole steps whose parts can be traded, too."""
    by_notional = ROOM * instrument.min_notional / Decimal(str(price))
    wanted = max(instrument.min_quantity, by_notional)
    return (wanted / instrument.step).to_integral_value(ROUND_CEILING) * instrument.step
