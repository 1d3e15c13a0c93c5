"""The rows that a search writes to the research tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from flows.engine.provenance import stable_json
from flows.steps.search.optimize_request import OptimizeRequest
from flows.steps.search.ranking import RecentRanking
from flows.steps.search.validation import HistoryValidation
from trading.metrics import Metrics
from trading.simulation import SearchRow, Trades

_TIME = pa.timestamp("ms", tz="UTC")


def searches_table(
    request: OptimizeRequest, validation: HistoryValidation, recent: RecentRanking
) -> pa.Table:
    """Return one row for every distinct parameter set ever tried.

    Measures are those over the long history; ``recent_…`` those over the last days, null for a
    set that is not in the recent grid. ``in_long``, ``in_recent``, ``approved`` and ``chosen``
    are 1 or 0.
    """
    trials = [dict(params) for params in request.trials]
    long_sets = {stable_json({**request.fixed, **values}) for values in request.long_grid}
    recent_rows = {
        stable_json({**request.fixed, **values}): row
        for values, row in zip(request.recent_grid, recent.rows, strict=True)
    }
    texts = [stable_json(params) for params in trials]
    chosen = stable_json({**request.fixed, **recent.chosen})
    columns: dict[str, Any] = {
        **_subject(request, len(trials)),
        "trial": pa.array(range(len(trials)), pa.int64()),
        "params": pa.array(texts, pa.string()),
        "interval": pa.array([request.signal_interval(p) for p in trials], pa.string()),
        "in_long": _flags(text in long_sets for text in texts),
        "in_recent": _flags(text in recent_rows for text in texts),
        "approved": _flags(_holds(validation, params) for params in trials),
        "chosen": _flags(text == chosen for text in texts),
    }
    columns |= _measures("", [row.metrics for row in validation.trials])
    columns |= _measures("recent_", [_metrics(recent_rows.get(text)) for text in texts])
    return pa.table(columns)


def _holds(validation: HistoryValidation, params: dict[str, Any]) -> bool:
    names = {*validation.approved.numbers, *validation.approved.words}
    # A set of an earlier search may lack a parameter of the current grid.
    return names <= set(params) and validation.approved.holds(params)


def folds_table(request: OptimizeRequest, validation: HistoryValidation) -> pa.Table:
    """Return one row per fold: spans, their gaps, the choice, the result in training and test.

    The gaps of a venue that omits minutes are null: an absent candle need not be missing.
    """
    folds = validation.walk.folds
    columns: dict[str, Any] = {
        **_subject(request, len(folds)),
        "fold": pa.array(range(len(folds)), pa.int64()),
        "train_from": _times([f.fold.train_start for f in folds]),
        "train_to": _times([f.fold.train_end for f in folds]),
        "test_from": _times([f.fold.test_start for f in folds]),
        "test_to": _times([f.fold.test_end for f in folds]),
        "params": pa.array([stable_json(f.chosen) for f in folds], pa.string()),
    }
    for name, gaps in (
        ("train", [f.train_gaps for f in folds]),
        ("test", [f.test_gaps for f in folds]),
    ):
        counted = request.gaps_count
        places, missing = zip(*((gap if counted else (None, None)) for gap in gaps), strict=True)
        columns[f"{name}_gaps"] = pa.array(places, pa.float64())
        columns[f"{name}_missing"] = pa.array(missing, pa.float64())
    columns |= _measures("train_", [f.in_sample for f in folds])
    columns |= _measures("test_", [f.out_of_sample.metrics for f in folds])
    return pa.table(columns)


def trades_table(
    request: OptimizeRequest, validation: HistoryValidation, recent: RecentRanking
) -> pa.Table:
    """Return the stitched out-of-sample trades, and those of the chosen set over the last days."""
    parts = [
        _trades(request, "out_of_sample", validation.walk.trades),
        _trades(request, "recent", recent.run.trades),
    ]
    return pa.concat_tables(parts)


def equity_table(request: OptimizeRequest, validation: HistoryValidation) -> pa.Table:
    """Return the stitched out-of-sample equity: 1 at the first test, then after each exit."""
    walk = validation.walk
    points = {int(walk.folds[0].fold.test_start): 1.0} if walk.folds else {}
    # Of several exits in one candle the last value stays.
    points |= dict(zip(walk.trades.exit_time.tolist(), walk.equity.tolist(), strict=True))
    return pa.table(
        {
            **_subject(request, len(points)),
            "sample": pa.array(["out_of_sample"] * len(points), pa.string()),
            "time": _times(list(points)),
            "equity": pa.array(list(points.values()), pa.float64()),
        }
    )


def _trades(request: OptimizeRequest, sample: str, trades: Trades) -> pa.Table:
    count = len(trades)
    return pa.table(
        {
            **_subject(request, count),
            "sample": pa.array([sample] * count, pa.string()),
            "entry_time": _times(trades.entry_time),
            "exit_time": _times(trades.exit_time),
            "side": pa.array(np.asarray(trades.side, dtype=np.int64)),
            "entry_price": pa.array(trades.entry_price),
            "exit_price": pa.array(trades.exit_price),
            "net_return": pa.array(trades.net_return),
            "reason": pa.array([str(reason) for reason in trades.reason], pa.string()),
        }
    )


def _subject(request: OptimizeRequest, count: int) -> dict[str, pa.Array]:
    return {
        "as_of": pa.array([request.as_of] * count, _TIME),
        "strategy": pa.array([request.strategy.name] * count, pa.string()),
        "symbol": pa.array([request.symbol] * count, pa.string()),
    }


def _metrics(row: SearchRow | None) -> Metrics | None:
    return None if row is None else row.metrics


def _measures(prefix: str, measured: Sequence[Metrics | None]) -> dict[str, pa.Array]:
    """Return one float column per measure."""
    names = Metrics._fields
    return {
        f"{prefix}{name}": pa.array(
            [None if m is None else float(getattr(m, name)) for m in measured], pa.float64()
        )
        for name in names
    }


def _times(values: Any) -> pa.Array:
    return pa.array(np.asarray(values, dtype=np.int64)).cast(_TIME)


def _flags(values: Any) -> pa.Array:
    return pa.array([1.0 if value else 0.0 for value in values], pa.float64())
