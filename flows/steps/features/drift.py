"""Drift of the features: how far the last days lie from all days before them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flows.steps.data.freshness import MARK, content_of, is_current, mark_of
from flows.steps.features.features import FEATURE_INTERVAL, feature_names
from lake.content import milliseconds
from lake.store import Lake
from lake.tables import DRIFT, FEATURES

RECENT = timedelta(days=7)
BINS = 10
LEAST_ROWS = 200
"""Fewer bars on either side say nothing about a distribution."""
NOTABLE = 0.25
"""From here on a shift is usually called significant (Siddiqi, Credit Risk Scorecards, 2006)."""
_LEAST_SHARE = 1e-4
_RECIPE = "drift-1"

Floats = npt.NDArray[np.float64]


def stability_index(before: Floats, recent: Floats) -> float:
    """Return the population stability index of two samples, 0 when they are distributed alike.

    The bins are the deciles of ``before``: Σ (r − b) ln(r / b) over the shares of both in each bin.
    """
    edges = np.unique(np.quantile(before, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    shares = [
        np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        / len(values)
        for values in (before, recent)
    ]
    b, r = (np.maximum(share, _LEAST_SHARE) for share in shares)
    return float(np.sum((r - b) * np.log(r / b)))


def write_drift(lake: Lake, *, as_of: datetime, symbols: Sequence[str], venue: str) -> int:
    """Write ``research.drift`` of each symbol as of ``as_of``; how many features drift notably.

    A feature without enough values on either side has no row. What was measured on the same
    features before is not measured again.
    """
    notable = 0
    border = milliseconds(as_of - RECENT)
    for symbol in symbols:
        where = {"venue": venue, "symbol": symbol, "interval": FEATURE_INTERVAL}
        parts = lake.partitions(FEATURES, **where)
        contents = {part.values["month"]: content_of(lake, part, as_of) for part in parts}
        mark = mark_of(_RECIPE, {"features": contents, "as_of": as_of, **where})
        run = f"drift-{symbol}-{as_of:%Y%m%dT%H%M%SZ}"
        if is_current(lake, DRIFT, mark, {"run": run}):
            known_scores = lake.read(DRIFT, ["score"], run=run)["score"].to_numpy()
            notable += int((known_scores >= NOTABLE).sum())
            continue
        rows = [lake.read_partition(part, as_of) for part in parts]
        data = pa.concat_tables(rows or [FEATURES.schema.empty_table()], promote_options="default")
        recent = data["open_time"].cast(pa.int64()).to_numpy() >= border
        scores: dict[str, float] = {}
        for name in feature_names():
            if name not in data.column_names:
                continue
            values = np.asarray(data[name].to_numpy(), dtype=np.float64)
            known = np.isfinite(values)
            sides = values[known & ~recent], values[known & recent]
            if min(len(side) for side in sides) >= LEAST_ROWS:
                scores[name] = stability_index(*sides)
        notable += sum(score >= NOTABLE for score in scores.values())
        _write(lake, as_of, symbol, scores, mark)
    return notable


def _write(lake: Lake, as_of: datetime, symbol: str, scores: dict[str, float], mark: str) -> None:
    rows = [
        {"as_of": as_of, "symbol": symbol, "feature": name, "score": score}
        for name, score in scores.items()
    ]
    table = pa.Table.from_pylist(rows, schema=DRIFT.schema)
    lake.write(DRIFT, table, {MARK: mark}, run=f"drift-{symbol}-{as_of:%Y%m%dT%H%M%SZ}")
