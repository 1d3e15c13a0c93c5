"""Look-ahead probe: recompute the past of a strategy without its future; nothing may change.

The history is cut off at sampled candles. Everything final before a cut (decisions, and the trades
of both engines) must be the same with and without the candles after it. The fast search must also
agree with the simulation that sees one candle at a time: the scan of a strategy reads whole
columns, where a look-ahead can hide. And decisions must not depend on what the process saw before:
`trading.research.probes.repetition` finds a step that keeps state outside its buffer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trading.candles import CandleColumns, Integers, interval_name
from trading.errors import DataError
from trading.research.gates import GateVerdict
from trading.research.probes.repetition import (
    PLAIN_ROWS,
    backends_disagree,
    compiles,
    decision_series,
    last_rows,
    repeated,
)
from trading.research.probes.series import AGREEMENT, Change, Evaluate, ProbedSeries, compare
from trading.simulation import Costs, Trades, backtest
from trading.simulation.backtest import decide, fast_trades
from trading.strategies.base import Strategy
from trading.strategies.layout import ACTION, ENTER
from trading.strategies.parameters import Value

CUTS = 12
_LEAST_ROWS = 100
_SHOWN = 20
_SHOWN_OF_A_VIEW = 5


@dataclass(frozen=True, slots=True)
class Lookahead:
    """Result of the probe: the first ``changes``, their number, and how much was compared.

    ``cuts`` are the times (ms) at which the data was cut off. ``compiled`` is false if the step
    does not compile, so that everything ran in plain Python.
    """

    changes: tuple[Change, ...]
    changed: int
    compared: int
    cuts: tuple[int, ...]
    signals: int
    compiled: bool = True

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
        plain = "" if self.compiled else "; the step does not compile: all in plain Python"
        if self.passed:
            return f"no look-ahead: {looked}; none changed{plain}"
        return f"look-ahead: {self.changed:,} past values changed, of {looked}{plain}"

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
    plain_rows: int = PLAIN_ROWS,
) -> Lookahead:
    """Probe decisions and both engines' trades of ``strategy`` with ``params``.

    Half of the ``cuts`` come right after entry signals, half are random with ``seed``. A strategy
    with its own scan is also probed as the scan sees it: unfiltered, on base candles. Plain Python
    decides on the last ``plain_rows`` candles; all is done there if the step does not compile. A
    history of fewer than 100 candles is a `DataError`.
    """
    if len(candles) < _LEAST_ROWS:
        raise DataError(
            f"a probe needs {_LEAST_ROWS} candles, was {len(candles)}; give a longer history"
        )
    found: list[Lookahead] = []
    for values in _variants(strategy, params, candles.interval_ms):
        # First of all: nothing may have decided on these candles before.
        findings = [repeated(strategy, values, candles, plain_rows)]
        compiled = compiles(strategy, values, candles)
        seen = candles if compiled else last_rows(candles, plain_rows)
        stream = decide(strategy, seen, values, compiled=compiled)
        entries = np.flatnonzero(stream[:, ACTION] == ENTER)
        rows = cut_rows(len(seen), entries, cuts, seed)
        one = probe(_evaluation(strategy, values, compiled), seen, rows)
        findings.append(_disagreement(strategy, values, seen, compiled))
        if compiled:
            findings.append(backends_disagree(strategy, values, candles, plain_rows))
        found.append(_joined(one, findings, len(entries), compiled))
    return Lookahead(
        changes=_shown([change for one in found for change in one.changes]),
        changed=sum(one.changed for one in found),
        compared=sum(one.compared for one in found),
        cuts=tuple(sorted({cut for one in found for cut in one.cuts})),
        signals=sum(one.signals for one in found),
        compiled=all(one.compiled for one in found),
    )


def _shown(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the first changes of each view, so that no view hides another."""
    counts: Counter[str] = Counter()
    shown = []
    for change in changes:
        counts[change.view] += 1
        if counts[change.view] <= _SHOWN_OF_A_VIEW:
            shown.append(change)
    return tuple(shown[:_SHOWN])


def _joined(
    one: Lookahead, findings: Sequence[tuple[int, list[Change]]], signals: int, compiled: bool
) -> Lookahead:
    """Return the result at the cuts with those of the other comparisons."""
    more = [change for _, changes in findings for change in changes]
    return Lookahead(
        changes=(*one.changes, *more),
        changed=one.changed + len(more),
        compared=one.compared + sum(count for count, _ in findings),
        cuts=one.cuts,
        signals=signals,
        compiled=compiled,
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
            count, different = compare(view, whole[view.name], end)
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


def _evaluation(strategy: Strategy, params: Mapping[str, Value], compiled: bool) -> Evaluate:
    """Return a computation of the decisions and of the trades of both engines."""

    def evaluate(candles: CandleColumns) -> list[ProbedSeries]:
        step = candles.interval_ms
        stream = decide(strategy, candles, params, compiled=compiled)
        stepped = backtest(strategy, candles, params, Costs(), compiled=compiled).trades
        fast, _ = fast_trades(strategy, candles, params, Costs(), compiled=compiled)
        return [
            decision_series("decisions", candles, stream),
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
    strategy: Strategy, params: Mapping[str, Value], candles: CandleColumns, compiled: bool
) -> tuple[int, list[Change]]:
    """Compare the trades of the fast search with those of the simulation by candle."""
    step = candles.interval_ms
    stepped = backtest(strategy, candles, params, Costs(), compiled=compiled).trades
    fast, _ = fast_trades(strategy, candles, params, Costs(), compiled=compiled)
    end = int(candles.open_time[-1]) + 2 * step
    return compare(_traded(AGREEMENT, stepped, step), _traded(AGREEMENT, fast, step), end)
