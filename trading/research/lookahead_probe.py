"""Look-ahead probe: recompute the past of a strategy without its future; nothing may change.

The history is cut off at sampled candles. Everything final before a cut (decisions, and the trades
of both engines) must be the same with and without the candles after it. The fast search must also
agree with the simulation that sees one candle at a time: the scan of a strategy reads whole
columns, where a look-ahead can hide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trading.candles import CandleColumns, Integers, interval_name
from trading.errors import DataError
from trading.research.gates import GateVerdict
from trading.simulation import Costs, Trades, backtest
from trading.simulation.backtest import decide, fast_trades
from trading.strategies.base import Strategy
from trading.strategies.layout import ACTION, ATR, ENTER, LIMIT, REASON, SEEN
from trading.strategies.parameters import Value

CUTS = 12
AGREEMENT = "agreement of the engines"
_LEAST_ROWS = 100
_SHOWN = 20
_COLUMNS = {"action": ACTION, "reason": REASON, "seen": SEEN, "limit": LIMIT, "atr": ATR}

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class ProbedSeries:
    """Values that a computation yields for points in time.

    ``times`` (ms) identify the rows; the values of a row are final once candles up to ``settled``
    (ms) are known.
    """

    name: str
    times: Integers
    settled: Integers
    columns: Mapping[str, Column]


Evaluate = Callable[[CandleColumns], Sequence[ProbedSeries]]
"""Computes everything to probe from candles."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that changed although it was final.

    ``before`` is the value when the data ended at ``cut_ms``, ``after`` the value with the data
    that came later; None if there is no such row. In the series `AGREEMENT` they are the values of
    the simulation one candle at a time and of the fast search.
    """

    view: str
    column: str
    time_ms: int
    cut_ms: int
    before: float | str | None
    after: float | str | None

    @property
    def sentence(self) -> str:
        """Return one line for a person."""
        when, cut = (np.datetime64(ms, "ms") for ms in (self.time_ms, self.cut_ms))
        if self.view == AGREEMENT:
            return (
                f"{self.view}: {self.column} of {when}Z is {_text(self.before)} one candle at a"
                f" time, and {_text(self.after)} in the fast search"
            )
        return (
            f"{self.view}: {self.column} of {when}Z was {_text(self.before)} when the data ended at"
            f" {cut}Z, and is {_text(self.after)} now"
        )


@dataclass(frozen=True, slots=True)
class Lookahead:
    """Result of the probe: the first ``changes``, their number, and how much was compared.

    ``cuts`` are the times (ms) at which the data was cut off.
    """

    changes: tuple[Change, ...]
    changed: int
    compared: int
    cuts: tuple[int, ...]
    signals: int

    @property
    def passed(self) -> bool:
        """Return whether past values were compared and none changed."""
        return self.changed == 0 and self.compared > 0

    @property
    def sentence(self) -> str:
        """Return one line for a person."""
        looked = (
            f"{self.compared:,} past values at {len(self.cuts)} cuts, {self.signals:,} of them"
            " entries"
        )
        if self.passed:
            return f"no look-ahead: {looked}; none changed"
        return f"look-ahead: {self.changed:,} past values changed, of {looked}"

    def verdict(self) -> GateVerdict:
        """Return the verdict of the gate ``lookahead``: no past value may change."""
        return GateVerdict("lookahead", self.passed, float(self.changed), 0.0, self.sentence)


def probe_lookahead(
    strategy: Strategy,
    params: Mapping[str, Value],
    candles: CandleColumns,
    *,
    cuts: int = CUTS,
    seed: int = 0,
) -> Lookahead:
    """Probe decisions and both engines' trades of ``strategy`` with ``params``.

    Half of the ``cuts`` come right after entry signals, half are random with ``seed``. A strategy
    with its own scan is also probed as the scan sees it: unfiltered, on base candles. A history of
    fewer than 100 candles is a `DataError`.
    """
    if len(candles) < _LEAST_ROWS:
        raise DataError(
            f"a probe needs {_LEAST_ROWS} candles, was {len(candles)}; give a longer history"
        )
    found = []
    for values in _variants(strategy, params, candles.interval_ms):
        stream = decide(strategy, candles, values)
        entries = np.flatnonzero(stream[:, ACTION] == ENTER)
        rows = cut_rows(len(candles), entries, cuts, seed)
        one = probe(_evaluation(strategy, values), candles, rows)
        found.append((one, _disagreement(strategy, values, candles), len(entries)))
    changes = [c for one, other, _ in found for c in (*one.changes, *other)]
    return Lookahead(
        changes=tuple(changes[:_SHOWN]),
        changed=sum(one.changed + len(other) for one, other, _ in found),
        compared=sum(one.compared for one, _, _ in found),
        cuts=tuple(sorted({cut for one, _, _ in found for cut in one.cuts})),
        signals=sum(signals for _, _, signals in found),
    )


def probe(evaluate: Evaluate, candles: CandleColumns, rows: Sequence[int]) -> Lookahead:
    """Compare ``evaluate`` of the candles before each of ``rows`` with that of all candles."""
    whole = {view.name: view for view in evaluate(candles)}
    changes: list[Change] = []
    changed = compared = 0
    ends = []
    for row in rows:
        known = candles.rows(0, row)
        end = int(known.open_time[-1]) + known.interval_ms
        ends.append(end)
        for view in evaluate(known):
            count, different = _compare(view, whole[view.name], end)
            compared += count
            changed += len(different)
            changes += different[: _SHOWN - len(changes)] if len(changes) < _SHOWN else []
    return Lookahead(tuple(changes), changed, compared, tuple(ends), 0)


def cut_rows(count: int, entries: Integers, cuts: int, seed: int) -> tuple[int, ...]:
    """Return numbers of candles to keep: the last but one, right after entries, and random ones."""
    generator = np.random.default_rng(seed)
    after = entries[(entries > 1) & (entries < count - 1)] + 1
    picked = {count - 1}
    if len(after):
        places = np.linspace(0, len(after) - 1, min(cuts // 2, len(after))).round().astype(int)
        picked |= set(after[places].tolist())
    while len(picked) < min(cuts, count - 2):
        picked.add(int(generator.integers(2, count)))
    return tuple(sorted(picked))


def _variants(
    strategy: Strategy, params: Mapping[str, Value], base_ms: int
) -> list[Mapping[str, Value]]:
    own = strategy.resolve(params)
    found: list[Mapping[str, Value]] = [own]
    if strategy.scan is not None:
        stop = own["stop_loss"] or strategy.parameter("stop_loss").default
        bare = {"filters": "off", "signal_tf": interval_name(base_ms), "stop_loss": stop}
        if {**own, **bare} != own:
            found.append({**own, **bare})
    return found


def _evaluation(strategy: Strategy, params: Mapping[str, Value]) -> Evaluate:
    """Return a computation of the decisions and of the trades of both engines."""

    def evaluate(candles: CandleColumns) -> list[ProbedSeries]:
        step, times = candles.interval_ms, candles.open_time
        stream = decide(strategy, candles, params)
        decided = {name: stream[:, at] for name, at in _COLUMNS.items()}
        stepped = backtest(strategy, candles, params, Costs()).trades
        fast, _ = fast_trades(strategy, candles, params, Costs())
        return [
            ProbedSeries("decisions", times, times + step, decided),
            _traded("trades", stepped, step),
            _traded("fast search", fast, step),
        ]

    return evaluate


def _traded(name: str, trades: Trades, step: int) -> ProbedSeries:
    """Return trades by their entry; one that ends on the last candle is not final."""
    columns = {
        "exit_time": trades.exit_time,
        "entry_price": trades.entry_price,
        "exit_price": trades.exit_price,
        "reason": trades.reason,
    }
    return ProbedSeries(name, trades.entry_time, trades.exit_time + 2 * step, columns)


def _disagreement(
    strategy: Strategy, params: Mapping[str, Value], candles: CandleColumns
) -> list[Change]:
    """Return the trades on which the fast search and the simulation by candle differ."""
    step = candles.interval_ms
    stepped = backtest(strategy, candles, params, Costs()).trades
    fast, _ = fast_trades(strategy, candles, params, Costs())
    end = int(candles.open_time[-1]) + 2 * step
    return _compare(_traded(AGREEMENT, stepped, step), _traded(AGREEMENT, fast, step), end)[1]


def _compare(part: ProbedSeries, whole: ProbedSeries, end: int) -> tuple[int, list[Change]]:
    """Count the values of ``part`` that were final at ``end``, and find those that changed."""
    mine, other = part.settled <= end, whole.settled <= end
    times, later = part.times[mine], whole.times[other]
    changes = [
        Change(part.name, "row", int(time), end, *present)
        for gone, present in (
            (np.setdiff1d(times, later), ("there", None)),
            (np.setdiff1d(later, times), (None, "there")),
        )
        for time in gone
    ]
    both, at, to = np.intersect1d(times, later, return_indices=True)
    for name, column in part.columns.items():
        before, after = column[mine][at], whole.columns[name][other][to]
        for place in np.flatnonzero(~_same(before, after)).tolist():
            values = before[place].item(), after[place].item()
            changes.append(Change(part.name, name, int(both[place]), end, *values))
    return len(both) * len(part.columns) + len(changes), changes


def _same(one: Column, other: Column) -> npt.NDArray[np.bool_]:
    equal: npt.NDArray[np.bool_] = np.asarray(one == other)
    if one.dtype.kind == "f":
        equal = equal | (np.isnan(one) & np.isnan(other))
    return equal


def _text(value: float | str | None) -> str:
    if value is None:
        return "not there"
    return value if isinstance(value, str) else f"{value:.10g}"
