"""Warm-up probe: the declared warm-up of a strategy must suffice for its decisions.

The executor starts with as much history as the strategy declares, while research starts years
earlier. Both must decide the same: from sampled moments on, a decider that was warmed up as the
executor does it is compared with the decisions over the whole history.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from trading.candles import DAY_MS, CandleColumns, Floats, interval_name
from trading.errors import DataError
from trading.positions.forecasts import RETURN, column_of
from trading.research.gates import GateVerdict
from trading.simulation.backtest import decide
from trading.strategies.base import Strategy
from trading.strategies.decider import ACTIONS, Decider
from trading.strategies.layout import ACTION, ATR, LIMIT, SEEN
from trading.strategies.parameters import Value

SHARES = (0.25, 0.5, 1.0, 2.0)
POINTS = 4
TOLERANCE = 1e-6
"""Relative difference that the start of the history may leave in a value."""

_SIGNALS = 24  # candles of signal_tf that are compared from each moment on
_LARGEST_WINDOW = 1_440  # base candles, at most
_LONGEST = 4_000_000  # base candles of a lengthened history, at most


@dataclass(frozen=True, slots=True)
class WarmupRow:
    """The comparison after ``share`` of the declared history.

    ``difference`` is the largest relative difference of a value (``name``), infinite if only one
    history knows the value; ``changed`` counts different actions.
    """

    share: float
    compared: int
    changed: int
    difference: float
    name: str

    @property
    def passed(self) -> bool:
        """Return whether nothing depends on what came before the history."""
        return self.compared > 0 and not self.changed and self.difference <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Warmup:
    """How decisions depend on the length of the history.

    ``declared`` has the closed candles by timeframe; ``lengthened`` tells that there were too few
    candles, so their mirror image precedes them.
    """

    declared: Mapping[str, int]
    rows: tuple[WarmupRow, ...]
    points: int
    lengthened: bool

    @property
    def full(self) -> WarmupRow:
        """Return the comparison after the declared history itself."""
        return next(row for row in self.rows if row.share == 1.0)

    @property
    def passed(self) -> bool:
        """Return whether the declared history suffices."""
        return self.full.passed

    @property
    def sentence(self) -> str:
        """Return one line for a person."""
        row = self.full
        needed = ", ".join(f"{bars} × {name}" for name, bars in self.declared.items())
        seen = f"{row.compared:,} decisions after {needed} candles"
        if row.passed:
            return f"the declared warm-up suffices: {seen}; largest difference {row.difference:.1e}"
        return (
            f"the declared warm-up is too short: {row.changed:,} of {seen} differ,"
            f" and {row.name or 'no value'} by {row.difference:.1e} (limit {TOLERANCE:g})"
        )

    def verdict(self) -> GateVerdict:
        """Return the verdict of the gate ``warmup``: the declared history must suffice."""
        row = self.full
        value = row.difference if math.isfinite(row.difference) else None
        return GateVerdict("warmup", row.passed, value, TOLERANCE, self.sentence)


def probe_warmup(
    strategy: Strategy,
    params: Mapping[str, Value],
    candles: CandleColumns,
    *,
    shares: Sequence[float] = SHARES,
    points: int = POINTS,
    seed: int = 0,
) -> Warmup:
    """Compare deciders after a part or a multiple of the declared history, ``points`` times.

    Mirror images precede a history that is shorter than four times the declared one. No candles,
    or a need for more than four million, are a `DataError`.
    """
    shares = tuple(sorted({*shares, 1.0}))
    first = Decider(strategy, params, candles.interval_ms)
    window = min(_SIGNALS * first.setup.signal_ms // candles.interval_ms, _LARGEST_WINDOW)
    needed = max(tf_ms * bars for tf_ms, bars in first.history_needed().items())
    longer = _lengthen(candles, 2 * shares[-1] * needed, window)
    stream = decide(strategy, longer, params)
    bars = {tf_ms: longer.higher(tf_ms) for tf_ms in first.history_needed()}
    least = int(longer.open_time[0] + 2 * shares[-1] * needed)
    low = max(int(np.searchsorted(longer.open_time, least)), len(longer) - len(candles))
    high = len(longer) - window
    generator = np.random.default_rng(seed)
    starts = sorted(generator.integers(min(low, high), high + 1, size=points).tolist())
    rows = []
    for share in shares:
        pieces = []
        for row in starts:
            decider = Decider(strategy, params, candles.interval_ms, partial(_forecast_at, longer))
            _warm(decider, longer, bars, row, share)
            pieces.append(_follow(decider, longer, stream, row, window))
        rows.append(_row(share, pieces))
    declared = {interval_name(tf_ms): bars for tf_ms, bars in first.history_needed().items()}
    return Warmup(declared, tuple(rows), len(starts), len(longer) > len(candles))


def _forecast_at(candles: CandleColumns, close_ms: int) -> float:
    """Return the forecast of the return that was known when a candle closed, NaN without."""
    place = int(np.searchsorted(candles.open_time, close_ms - candles.interval_ms))
    return float(column_of(candles, RETURN)[place])


def _warm(
    decider: Decider,
    candles: CandleColumns,
    bars: Mapping[int, CandleColumns],
    row: int,
    share: float,
) -> None:
    """Warm up ``decider`` before ``row`` as the executor does."""
    now = int(candles.open_time[row])
    start = decider.base_start(now)
    for tf_ms, count in decider.history_needed().items():
        closed = bars[tf_ms].slice(start - math.ceil(count * share) * tf_ms, start)
        for place in range(len(closed)):
            decider.warm(tf_ms, closed.candle(place))
    first = int(np.searchsorted(candles.open_time, start))
    for place in range(first, row):
        decider.on_candle(candles.candle(place))


def _follow(
    decider: Decider, candles: CandleColumns, stream: Floats, row: int, window: int
) -> tuple[int, int, dict[str, float]]:
    """Return the decisions compared, the actions that differ, and the largest differences."""
    changed = 0
    worst = {"seen": 0.0, "limit": 0.0, "atr": 0.0}
    for place in range(row, row + window):
        decision = decider.on_candle(candles.candle(place))
        known = stream[place]
        changed += decision.action != ACTIONS[int(known[ACTION])]
        if not decision.values:
            continue
        own = {**dict.fromkeys(worst, math.nan), **decision.values, "atr": decision.atr}
        for name, at in (("seen", SEEN), ("limit", LIMIT), ("atr", ATR)):
            worst[name] = max(worst[name], _difference(own[name], float(known[at])))
    return window, changed, worst


def _row(share: float, pieces: Sequence[tuple[int, int, dict[str, float]]]) -> WarmupRow:
    worst = {name: max(piece[2][name] for piece in pieces) for name in pieces[0][2]}
    name = max(worst, key=lambda key: worst[key])
    return WarmupRow(
        share=share,
        compared=sum(piece[0] for piece in pieces),
        changed=sum(piece[1] for piece in pieces),
        difference=worst[name],
        name=name if worst[name] > 0.0 else "",
    )


def _difference(one: float, other: float) -> float:
    """Return the relative difference; two unknown values do not differ."""
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    if math.isnan(one) or math.isnan(other):
        return math.inf
    return abs(one - other) / max(abs(one), abs(other))


def _lengthen(candles: CandleColumns, wanted_ms: float, window: int) -> CandleColumns:
    """Put mirror images before the candles until ``wanted_ms`` and a window fit."""
    if len(candles) <= window:
        raise DataError(
            f"a warm-up probe needs more than {window} candles, was {len(candles)};"
            " give a longer history"
        )
    step = candles.interval_ms
    copies = 0
    span = int(candles.open_time[-1] - candles.open_time[0]) + step
    while (copies + 1) * span < wanted_ms + (window + 1) * step:
        copies += 1
    if (copies + 1) * len(candles) > _LONGEST:
        raise DataError(
            f"the strategy declares {wanted_ms / 2 / DAY_MS:.0f} days of history, too much to"
            f" probe with {len(candles):,} candles; give a longer history or a shorter warm-up"
        )
    pieces = [_piece(candles, copy, span) for copy in range(copies, 0, -1)] + [candles]
    return CandleColumns(
        np.concatenate([piece.open_time for piece in pieces]),
        *_join(pieces, ("open", "high", "low", "close", "volume")),
        interval_ms=step,
        forecasts=_forecasts_behind(candles, copies),
    )


def _forecasts_behind(candles: CandleColumns, copies: int) -> dict[str, Floats] | None:
    """Return the forecasts of the candles behind ``copies`` of them, for which none is known."""
    if candles.forecasts is None:
        return None
    unknown = np.full(copies * len(candles), math.nan)
    return {name: np.append(unknown, column) for name, column in candles.forecasts.items()}


def _join(
    pieces: Sequence[CandleColumns], names: Sequence[str]
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    opens, highs, lows, closes, volumes = (
        np.concatenate([getattr(piece, name) for piece in pieces]) for name in names
    )
    return opens, highs, lows, closes, volumes


def _piece(candles: CandleColumns, copy: int, span: int) -> CandleColumns:
    """Move the candles back by ``copy`` spans; odd copies are mirrored, so that prices join.

    In a mirror image time runs backwards: opens are closes.
    """
    c, back = candles, copy * span
    if copy % 2 == 0:
        return CandleColumns(
            c.open_time - back, c.open, c.high, c.low, c.close, c.volume, c.interval_ms
        )
    times = int(c.open_time[0]) + int(c.open_time[-1]) - c.open_time[::-1] - back
    return CandleColumns(
        times, c.close[::-1], c.high[::-1], c.low[::-1], c.open[::-1], c.volume[::-1], c.interval_ms
    )
