"""Live against research: the same decisions on the same candles, and trades with their differences.

The executor and the research code share their kernels, so decisions must be equal. Trades differ by
what only a market adds: fees, funding, slippage, latency. What none of these explains is the rest;
beyond a band it is a difference, as is a decision that only one of the two made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trading.positions.position import REASONS

Verdict = Literal["equal", "explained", "different", "not compared"]

LATE_MS = 1_000
"""A fill that comes this much after the replay's pays for latency, an earlier one for slippage."""
VALUES_WITHIN = 1e-6
"""Relative distance of two equal levels: an average never forgets the start of its history."""
NOT_OF_THE_RULES = frozenset({"", "end_of_data"})


@dataclass(frozen=True, slots=True)
class MadeDecision:
    """One decision to enter or exit; levels are prices, None where there is none.

    ``bar_time`` is the open of the candle that decided, in ms. ``unheard`` says, of a replayed
    decision, why the executor may have made none; empty if it has to have made it.
    """

    bar_time: int
    action: str
    side: int
    price: float
    atr: float | None = None
    stop: float | None = None
    target: float | None = None
    confidence: float | None = None
    unheard: str = ""

    def __str__(self) -> str:
        direction = "long" if self.side > 0 else "short"
        return f"{self.action} {direction} at {self.price:g}"


@dataclass(frozen=True, slots=True)
class ComparedDecision:
    """A decision of the executor, of the replay, or of both."""

    bar_time: int
    action: str
    verdict: Verdict
    reason: str
    live: str = ""
    replayed: str = ""


def compare_decisions(
    live: Sequence[MadeDecision], replayed: Sequence[MadeDecision]
) -> list[ComparedDecision]:
    """Compare the decisions of one strategy on one symbol, in order of their bars."""
    ours = {(one.bar_time, one.action): one for one in live}
    theirs = {(one.bar_time, one.action): one for one in replayed}
    return [_compared(key, ours.get(key), theirs.get(key)) for key in sorted(ours.keys() | theirs)]


def _compared(
    key: tuple[int, str], live: MadeDecision | None, replayed: MadeDecision | None
) -> ComparedDecision:
    verdict: Verdict = "different"
    if live is None:
        assert replayed is not None
        if replayed.unheard:
            verdict, reason = "explained", replayed.unheard
        else:
            reason = f"the replay decides to {replayed}, the executor did not"
        return ComparedDecision(*key, verdict, reason, "", str(replayed))
    if replayed is None:
        reason = f"the executor decided to {live}, the replay does not"
        return ComparedDecision(*key, verdict, reason, str(live), "")
    reason = _other_values(live, replayed)
    if not reason:
        verdict = "equal"
    return ComparedDecision(*key, verdict, reason, str(live), str(replayed))


def _other_values(live: MadeDecision, replayed: MadeDecision) -> str:
    """Name the values in which two decisions differ; empty if they are equal."""
    found = []
    for name in ("side", "price", "atr", "stop", "target", "confidence"):
        ours, theirs = getattr(live, name), getattr(replayed, name)
        if ours is None or theirs is None:
            same = ours is theirs
        else:
            same = math.isclose(ours, theirs, rel_tol=VALUES_WITHIN)
        if not same:
            found.append(f"{name} {_shown(ours)} live, {_shown(theirs)} in the replay")
    return "; ".join(found)


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


@dataclass(frozen=True, slots=True)
class MadeFill:
    """Time (ms), what it was for (empty: the entry), quantity (above 0 into it), price."""

    time: int
    step: str
    quantity: float
    price: float


@dataclass(frozen=True, slots=True)
class MadeTrade:
    """A position from its entry until it was flat, or its fills so far.

    ``fees`` and ``funding`` are what it paid, in quote currency; ``ended`` is empty while it is
    open, and then ``last_price`` values it.
    """

    side: int
    fills: tuple[MadeFill, ...]
    ended: str
    fees: float
    funding: float
    last_price: float = math.nan

    @property
    def entered(self) -> float:
        """What its entry and additions bought or sold, in quote currency."""
        return sum(fill.quantity * fill.price for fill in self.fills if fill.quantity > 0)

    @property
    def gross_return(self) -> float:
        """Profit before fees and funding, as a fraction of what was entered."""
        paid = sum(fill.quantity * fill.price for fill in self.fills)
        held = sum(fill.quantity for fill in self.fills)
        value = held * self.last_price if not self.ended else 0.0
        return self.side * (value - paid) / self.entered

    @property
    def net_return(self) -> float:
        """Profit after fees and funding, as a fraction of what was entered."""
        return self.gross_return - (self.fees + self.funding) / self.entered


@dataclass(frozen=True, slots=True)
class ComparedTrade:
    """A live trade beside its replay; all returns are fractions of what was entered.

    ``gap`` is the live net return minus the replay's, and the sum of the five parts after it: what
    more fees, more funding, worse prices, late fills, and everything else have added to it.
    ``delay_ms`` is that of the entry behind the replay's.
    """

    verdict: Verdict
    reason: str
    live_return: float
    replayed_return: float
    fees: float
    funding: float
    slippage: float
    latency: float
    rest: float
    delay_ms: int

    @property
    def gap(self) -> float:
        """Live net return minus that of the replay."""
        return self.live_return - self.replayed_return


def compare_trades(live: MadeTrade, replayed: MadeTrade, band: float) -> ComparedTrade:
    """Attribute the gap of a closed live trade, and decide whether it is a difference.

    ``band`` is the gap of prices, as a fraction of what was entered, that a market explains.
    """
    fees = replayed.fees / replayed.entered - live.fees / live.entered
    funding = replayed.funding / replayed.entered - live.funding / live.entered
    slippage, latency = _worse_prices(live, replayed)
    prices = live.gross_return - replayed.gross_return
    rest = prices - slippage - latency
    verdict, reason = _trade_verdict(live, replayed, prices, band)
    return ComparedTrade(
        verdict=verdict,
        reason=reason,
        live_return=live.net_return,
        replayed_return=replayed.net_return,
        fees=fees,
        funding=funding,
        slippage=slippage,
        latency=latency,
        rest=rest,
        delay_ms=live.fills[0].time - replayed.fills[0].time,
    )


def _worse_prices(live: MadeTrade, replayed: MadeTrade) -> tuple[float, float]:
    """Slippage and latency of the steps that both made, one after the other."""
    slippage = latency = 0.0
    whole = sum(fill.quantity for fill in live.fills if fill.quantity > 0)
    entry = replayed.fills[0].price
    for ours, theirs in zip(live.fills, replayed.fills, strict=False):
        if ours.step != theirs.step:
            break
        cost = -live.side * ours.quantity / whole * (ours.price - theirs.price) / entry
        if ours.time - theirs.time > LATE_MS:
            latency += cost
        else:
            slippage += cost
    return slippage, latency


def _trade_verdict(
    live: MadeTrade, replayed: MadeTrade, prices: float, band: float
) -> tuple[Verdict, str]:
    if live.ended not in REASONS or live.ended in NOT_OF_THE_RULES:
        return "explained", f"closed by {live.ended}, which no rule of the strategy decides"
    apart = f"{abs(prices) * 10_000:.1f} bp apart"
    theirs = f"by {replayed.ended}" if replayed.ended else "not yet"
    same = [fill.step for fill in live.fills] == [fill.step for fill in replayed.fills]
    ways = f"ended by {live.ended} live, {theirs} in the replay, {apart}"
    if abs(prices) > band:
        if same and live.ended == replayed.ended:
            ways = f"the prices lie {apart}"
        return "different", f"{ways}; the band is {band * 10_000:g} bp"
    if live.ended != replayed.ended:
        return "explained", f"{ways}, which is within the band"
    return "equal", "" if same else f"other steps, {apart}, which is within the band"


def funding_paid(
    side: int, fills: Sequence[MadeFill], rates: Mapping[int, float], prices: Mapping[int, float]
) -> float:
    """Funding that a position has paid (received: below 0), in quote currency.

    ``rates`` by time (ms) are paid on what is held then, at the price of ``prices`` at that time.
    """
    total = 0.0
    for time, rate in rates.items():
        held = sum(fill.quantity for fill in fills if fill.time < time)
        if held > 0.0 and time in prices:
            total += side * held * prices[time] * rate
    return total
