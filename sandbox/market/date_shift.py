"""Moving a recording to another time: the same prices, with later dates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sandbox.market.candles import Funding, Series
from sandbox.market.feed import SymbolFeed
from sandbox.market.mark_price import MarkRule, RecordedMark
from trading.candles import HOUR_MS, MINUTE_MS

FUNDING_GRID_MS = 8 * HOUR_MS


def shift_to(begin: int, now: int, grid: int = MINUTE_MS) -> int:
    """Return the shift (ms) that moves ``begin`` to the minute that runs at ``now`` (ms).

    The shift is a multiple of ``grid``, so ``begin`` moves to at most one ``grid`` before ``now``.
    """
    if grid == MINUTE_MS:
        return now // MINUTE_MS * MINUTE_MS - begin
    return (now - begin) // grid * grid


def redate(feeds: Iterable[SymbolFeed], marks: Iterable[MarkRule], shift: int) -> None:
    """Move feeds and mark prices by ``shift`` ms, whole minutes.

    Funding moves by a multiple of eight hours, so that it stays at the hours of the exchange.
    """
    on_grid = round(shift / FUNDING_GRID_MS) * FUNDING_GRID_MS
    for feed in feeds:
        feed.series = _moved(feed.series, shift)
        feed.funding = Funding(tuple(t + on_grid for t in feed.funding.times), feed.funding.rates)
        if feed.tape is not None:
            feed.tape = replace(feed.tape, times=feed.tape.times + shift)
        if feed.quotes is not None:
            feed.quotes = replace(feed.quotes, times=feed.quotes.times + shift)
    for mark in marks:
        if isinstance(mark, RecordedMark):
            mark.series = _moved(mark.series, shift)


def _moved(series: Series, shift: int) -> Series:
    return replace(series, open_time=series.open_time + shift)
