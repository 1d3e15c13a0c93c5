"""Transfers: money paid in or out, seen by the user stream or listed by the exchange, once each.

The stream tells at once but not what happened while it was down; the list has everything but comes
later. The ledger keeps what was seen: neither a restart nor the second path counts it again.

Some transfers are listed by a time from before their credit. Such a credit is taken to be as late
as it can be, so a baseline must be settled: a list after its balances named no new one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import orjson

from executor.model import AccountUpdate, Balance, Transfer, Wallet
from executor.portfolio.portfolio import Portfolio
from executor.services import Services
from executor.venues.faults import VenueFaultError
from executor.venues.interface import Venue
from trading.candles import DAY_MS, MINUTE_MS

log = logging.getLogger(__name__)

ASK_EVERY_S = 60.0
SAME_WITHIN_MS = 10_000
"""The stream and the list may give a transfer times that differ by so much."""
KEPT_MS = 3 * DAY_MS
"""Longer than a list reaches back: what it names again must still be known."""
LATE_KEPT_MS = 35 * DAY_MS
"""The same for what may come late: a withdrawal that is given back is listed for a month."""
OVERLAP_MS = 5 * MINUTE_MS
"""How far before its newest transfer a list is requested again."""

Listener = Callable[[Wallet, Decimal, int], None]
"""Takes the wallet, the amount and the latest possible time (ms) of a transfer."""


@dataclass(frozen=True, slots=True)
class SeenTransfer:
    """A transfer by what is known of it: ``id`` from the list, ``streamed_at`` from the stream."""

    asset: str
    amount: str
    time: int
    id: str = ""
    streamed_at: int = 0

    late_ms: int = 0

    def may_be(self, asset: str, amount: Decimal, at_ms: int, late_ms: int = 0) -> bool:
        """Whether this could be a transfer that the other path reports."""
        near = abs(self.time - at_ms) <= SAME_WITHIN_MS + max(self.late_ms, late_ms)
        return near and self.asset == asset and Decimal(self.amount) == amount


class Transfers:
    """Hands every transfer to its listeners once."""

    def __init__(self, services: Services, portfolio: Portfolio) -> None:
        self._services = services
        self._portfolio = portfolio
        self._listeners: list[Listener] = []
        self._asked: dict[str, float] = {}
        self._looked: dict[str, int] = {}
        """Market time (ms) of the newest request for a list that has ended, answered or not."""
        self._late: dict[str, int] = {}
        """The same of the newest one that was answered with a new late credit."""

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with each transfer."""
        self._listeners.append(listener)

    def on_stream(self, update: AccountUpdate) -> None:
        """Take a transfer that the user stream reports; a repeated event counts once."""
        venue, asset, at_ms = update.wallet.venue, update.wallet.asset, update.event_time
        seen = self._seen(venue)
        for place, known in enumerate(seen):
            if known.streamed_at in (0, at_ms) and known.may_be(asset, update.change, at_ms):
                seen[place] = replace(known, streamed_at=at_ms)
                self._store(venue, seen)
                return
        new = SeenTransfer(asset, str(update.change), at_ms, streamed_at=at_ms)
        self._take(venue, seen, new)

    def surprising(self, balances: Mapping[Wallet, Balance]) -> bool:
        """Whether a balance is not the one that the portfolio expects."""
        known = self._portfolio.balances
        return any(
            wallet not in known or known[wallet].wallet != balance.wallet
            for wallet, balance in balances.items()
        )

    def unlisted(self) -> list[Venue]:
        """Venues with a balance that is newer than their list."""
        names = {
            wallet.venue
            for wallet, at_ms in self._portfolio.balances_by.items()
            if self._looked.get(wallet.venue, -1) < at_ms
        }
        return [venue for venue in self._services.venues if venue.name in names]

    def settled(self) -> bool:
        """Whether it is known of every credit if the balances have it; True without an answer."""
        late = any(
            at_ms <= self._late.get(wallet.venue, -1)
            for wallet, at_ms in self._portfolio.balances_at.items()
        )
        return not late and not self.unlisted()

    async def look(self, venue: Venue, *, surprising: bool) -> None:
        """Ask for the list once a minute, and whenever the balances were surprising.

        It must be asked after the balances: a transfer that they show is then in the list.
        """
        late = time.monotonic() - self._asked.get(venue.name, -ASK_EVERY_S) >= ASK_EVERY_S
        if surprising or late:
            await self.ask(venue)

    async def ask_all(self) -> None:
        """Ask every venue now."""
        await asyncio.gather(*map(self.ask, self._services.venues))

    async def ask(self, venue: Venue) -> None:
        """Take what the exchange lists; without an answer, the next look asks again."""
        begin = self._services.clock.now_ms() - DAY_MS
        start = max((t.time - OVERLAP_MS for t in self._seen(venue.name) if t.id), default=begin)
        self._asked.pop(venue.name, None)
        now = self._services.clock.now_ms()
        try:
            listed = await venue.transfers(max(start, begin))
        except VenueFaultError as fault:
            log.warning("%s: transfers not listed: %s", venue.name, fault)
            return
        finally:
            self._looked[venue.name] = now
        self._asked[venue.name] = time.monotonic()
        for transfer in sorted(listed or (), key=lambda found: found.time):
            if self._take_listed(venue.name, transfer) and transfer.late_ms:
                self._late[venue.name] = now

    def _take_listed(self, venue: str, transfer: Transfer) -> bool:
        """Take a row of a list; returns whether neither path has named it before."""
        seen = self._seen(venue)
        if any(known.id == transfer.id for known in seen):
            return False
        asset, amount, at_ms = transfer.wallet.asset, transfer.amount, transfer.time
        for place, known in enumerate(seen):
            if not known.id and known.may_be(asset, amount, at_ms, transfer.late_ms):
                # It stays known for as long as the list may name it, whoever saw it first.
                seen[place] = replace(known, id=transfer.id, late_ms=transfer.late_ms)
                self._store(venue, seen)
                return False
        new = SeenTransfer(asset, str(amount), at_ms, transfer.id, late_ms=transfer.late_ms)
        self._take(venue, seen, new)
        return True

    def _take(self, venue: str, seen: list[SeenTransfer], new: SeenTransfer) -> None:
        """Remember a transfer in the transaction of what follows from it."""
        with self._services.ledger.atomic():
            self._store(venue, [*seen, new])
            for listener in self._listeners:
                # As late as it can be: a credit taken for an older one would hide a loss.
                listener(Wallet(venue, new.asset), Decimal(new.amount), new.time + new.late_ms)

    def _seen(self, venue: str) -> list[SeenTransfer]:
        stored = self._services.ledger.meta(f"transfers:{venue}", "[]")
        return [SeenTransfer(**row) for row in orjson.loads(stored)]

    def _store(self, venue: str, seen: list[SeenTransfer]) -> None:
        now = self._services.clock.now_ms()
        kept = [one for one in seen if now - one.time <= (LATE_KEPT_MS if one.late_ms else KEPT_MS)]
        self._services.ledger.set_meta(f"transfers:{venue}", orjson.dumps(kept).decode())
