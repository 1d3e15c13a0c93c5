"""The account as the limits see it; amounts in quote currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from executor.model import InstrumentId


@dataclass(frozen=True, slots=True)
class OpenBet:
    """An open position, and how the entry's instrument moved with its own over 30 days."""

    symbol: InstrumentId
    side: int
    correlation: float | None
    """None where it is not known."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """What the limits are checked against; amounts in quote currency."""

    wallet: Decimal
    available: Decimal
    equity: Decimal
    """The wallet of the instrument, and what its open positions add to it."""
    day_equity: Decimal
    """The equity of all wallets of the same asset, at every venue."""
    day_baseline: Decimal
    """The same at the start of the market day, adjusted by deposits and withdrawals."""
    owner: str | None
    """Strategy with a position in the symbol, or with an entry in progress."""
    open_positions: int
    orders_last_minute: int
    candles_seen: int
    stream_fresh: bool
    entries_on: bool
    release_valid: bool
    halted: str | None
    leverage: int = 1
    exposure: Decimal = Decimal(0)
    """Notional of all positions of the wallet, entries in progress included; the margin of those
    that are sized by risk."""
    entries_today: int = 0
    """Of this instrument."""
    refused_stops_today: int = 0
    """Positions of this instrument that were closed today because their stop was refused."""
    paused_for_s: float = 0.0
    """How long entries still pause after losses in a row."""
    day_limit_reached: bool = False
    """The daily loss limit was reached today; it holds even if the loss has shrunk since."""
    durable: bool = True
    """Whether an intent would be on the disk before its order is sent."""
    live: bool = False
    open_bets: tuple[OpenBet, ...] = ()
    """The other open positions, where the correlation with them is limited."""
    shocked_for_s: float = 0.0
    """How long entries still pause after a shock of the market."""
    stopped_for_s: float = 0.0
    """How long this instrument still cools down after its last stop."""
    rejected_entries_today: int = 0
    """Entries of this instrument that the exchange refused today."""
