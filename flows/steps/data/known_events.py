"""Settings of the validation, and the known oddities of the exchanges' data.

A known oddity is asserted by number, with a reason and the date it was examined: if there is more
of it, something new broke.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from trading.candles import MINUTE_MS


class KnownOddity(BaseModel, frozen=True, extra="forbid"):
    """A stretch of minutes that is missing or has no trade, and why.

    ``symbol`` ``"*"`` means every symbol of the venue. ``start`` is the first minute (UTC),
    ``minutes`` the largest allowed number. ``keep`` says whether minutes without a trade stay
    in the checked table.
    """

    venue: str
    symbol: str
    kind: Literal["gap", "no_trades"]
    start: datetime
    minutes: int = Field(gt=0)
    keep: bool = True
    reason: str
    noted: str

    @field_validator("start")
    @classmethod
    def _utc(cls, value: datetime) -> datetime:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @property
    def start_ms(self) -> int:
        """First minute, milliseconds since the epoch."""
        return int(self.start.timestamp()) * 1000

    def covers(self, venue: str, symbol: str, start_ms: int, minutes: int) -> bool:
        """Check whether this oddity explains all ``minutes`` from ``start_ms`` on."""
        inside = self.start_ms <= start_ms
        ends = start_ms + minutes * MINUTE_MS <= self.start_ms + self.minutes * MINUTE_MS
        return self.applies_to(venue, symbol) and inside and ends

    def applies_to(self, venue: str, symbol: str) -> bool:
        """Check whether it concerns this symbol."""
        return self.venue == venue and self.symbol in ("*", symbol)


KNOWN_ODDITIES: tuple[KnownOddity, ...] = (
    KnownOddity(
        venue="binance_usdm",
        symbol="*",
        kind="no_trades",
        start=datetime(2023, 9, 12, 8, 34, tzinfo=UTC),
        minutes=19,
        reason="the whole venue stood still: AVAX, FIL and NEAR lack the same minutes",
        noted="2026-11-21",
    ),
    KnownOddity(
        venue="binance_usdm",
        symbol="FILUSDT",
        kind="no_trades",
        start=datetime(2024, 10, 28, 16, 21, tzinfo=UTC),
        minutes=14,
        keep=False,
        reason="the archive lost these minutes: the symbol trades in all others of the month",
        noted="2026-11-21",
    ),
    KnownOddity(
        venue="binance_usdm",
        symbol="FILUSDT",
        kind="no_trades",
        start=datetime(2024, 10, 28, 20, 0, tzinfo=UTC),
        minutes=74,
        keep=False,
        reason="the archive lost these minutes: the exchange's own hourly bars have trades in them",
        noted="2026-11-21",
    ),
)


class ValidationSettings(BaseModel, frozen=True, extra="forbid"):
    """Limits of the checks of one-minute candles.

    ``max_bad_share``: a symbol fails when more than this share of a month's rows is bad.
    ``jump_sigmas`` and ``thin_volume_share``: a one-minute move of more robust deviations than
    this, on less than this share of the month's median volume, is a bad print (18 perpetuals
    and 90 days of spot have none). ``quiet_minutes``: this many minutes in a row without a
    trade are an outage. ``sparse_venues`` omit minutes without trades; there a gap of
    ``sparse_gap_minutes`` is normal.
    """

    max_bad_share: float = Field(default=0.005, ge=0, le=1)
    jump_sigmas: float = Field(default=15.0, gt=0)
    jump_floor: float = Field(default=0.0002, gt=0, description="least deviation, log return")
    thin_volume_share: float = Field(default=0.1, ge=0)
    quiet_minutes: int = Field(default=10, gt=0)
    sparse_venues: tuple[str, ...] = ("upbit",)
    sparse_gap_minutes: int = Field(default=60, ge=0)
    known: tuple[KnownOddity, ...] = KNOWN_ODDITIES

    def explains(
        self, kind: str, venue: str, symbol: str, start_ms: int, minutes: int
    ) -> KnownOddity | None:
        """Return the known oddity that covers this stretch, if there is one."""
        for oddity in self.known:
            if oddity.kind == kind and oddity.covers(venue, symbol, start_ms, minutes):
                return oddity
        return None
