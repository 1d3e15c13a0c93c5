"""The exchanges of a run and what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.api.spot.exchange import SpotExchange
from sandbox.api.usdm.exchange import UsdmExchange
from sandbox.audit.ledger import ExchangeLedger
from sandbox.faults.injection import Faults
from sandbox.live.feed import LiveFeed
from sandbox.live.market import LiveVenue
from sandbox.live.upstream import Upstream
from sandbox.market.mark_price import MarkRule
from sandbox.market.replay import ReplayedVenue, Span


class StateChanges:
    """Notifies its subscribers that the state of an exchange has changed."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, subscriber: Callable[[], None]) -> None:
        """Call ``subscriber`` after every change from now on."""
        self._subscribers.append(subscriber)

    def publish(self) -> None:
        """Call every subscriber."""
        for subscriber in self._subscribers:
            subscriber()


@dataclass(frozen=True, slots=True)
class Venues:
    """The venues of a run; either of them may be absent, not both.

    ``shift`` is what the dates of the recording were moved by (ms); ``live`` says that a market is
    followed.
    """

    usdm: UsdmExchange | None
    spot: SpotExchange | None
    ledger: ExchangeLedger
    faults: Faults
    changes: StateChanges
    span: Span
    marks: Mapping[str, MarkRule] = field(default_factory=dict)
    shift: int = 0
    live: bool = False

    @property
    def all(self) -> list[UsdmExchange | SpotExchange]:
        """The venues of this run, USDⓈ-M first."""
        return [venue for venue in (self.usdm, self.spot) if venue is not None]

    @property
    def first(self) -> UsdmExchange | SpotExchange:
        """The venue to use where one stands for both."""
        return self.all[0]

    @property
    def symbols(self) -> list[str]:
        """The symbols of all venues, each once."""
        return list(dict.fromkeys(symbol for venue in self.all for symbol in venue.feeds))

    def replayed(self, *, bounded: bool, breaks: bool) -> list[ReplayedVenue]:
        """Return the venues that the replay drives."""
        found = []
        for name, venue in (("usdm", self.usdm), ("spot", self.spot)):
            if venue is not None:
                marks = self.marks if name == "usdm" else {}
                walked = venue.engine, venue.feeds, venue, bounded, marks, breaks
                found.append(ReplayedVenue(name, *walked))
        return found

    def followed(self, upstream: Callable[[str], Upstream], *, bounded: bool) -> list[LiveVenue]:
        """Return the venues that a live market drives; ``upstream`` names whom each follows."""
        found: list[LiveVenue] = []
        for name, venue in (("usdm", self.usdm), ("spot", self.spot)):
            if venue is not None:
                feeds = {s: f for s, f in venue.feeds.items() if isinstance(f, LiveFeed)}
                found.append(LiveVenue(venue.engine, feeds, venue, upstream(name), bounded))
        return found

    async def publish(self) -> None:
        """Record the engines' new events and send them to their users."""
        for venue in self.all:
            await venue.publish()

    def silence(self) -> None:
        """Stop timers and writers."""
        if self.usdm is not None:
            for handle in self.usdm.countdowns.values():
                handle.cancel()
        for venue in self.all:
            for task in venue.background:
                task.cancel()
            for connection in list(venue.hub.connections):
                connection.writer.cancel()
