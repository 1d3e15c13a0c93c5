"""The trial history: every parameter set that was tried, by strategy version and symbol.

The nightly's searches and those of the command line both count; each deflates the other's Sharpe
ratios.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from flows.engine.provenance import stable_json
from flows.steps.search.optimize_request import Params
from lake.store import Lake
from lake.tables import SEARCHES
from trading.metrics import Metrics
from trading.strategies.base import Strategy

VERSION_MARK = "nocturne.optimize.strategy_version"
MANUAL_RUN_PREFIX = "search-"
"""Runs of this prefix come from `nocturne search`; the report does not show them."""

_NIGHTLY = "optimize-"


def earlier_trials(
    lake: Lake, strategy: Strategy, symbol: str, as_of: datetime
) -> tuple[Params, ...]:
    """Return the distinct parameter sets tried up to ``as_of``, in a fixed order."""
    found: dict[str, Params] = {}
    prefixes = tuple(f"{kind}{strategy.name}-{symbol}-" for kind in (_NIGHTLY, MANUAL_RUN_PREFIX))
    for partition in lake.partitions(SEARCHES):
        run = partition.values["run"]
        if not run.startswith(prefixes):
            continue
        if lake.metadata(SEARCHES, run=run).get(VERSION_MARK) != strategy.version:
            continue
        for text in lake.read_partition(partition, as_of)["params"].to_pylist():
            found.setdefault(text, json.loads(text))
    return tuple(found[text] for text in sorted(found))


def record_trials(
    lake: Lake,
    strategy: Strategy,
    symbol: str,
    as_of: datetime,
    trials: Sequence[tuple[Params, Metrics]],
) -> str:
    """Record a manual search: its sets and their measures as rows of ``searches``.

    Returns the run's name. The same sets at the same time are the same run, so recording them
    twice changes nothing.
    """
    texts = [stable_json(params) for params, _ in trials]
    digest = hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:8]
    moment = as_of.astimezone(UTC)
    run = f"{MANUAL_RUN_PREFIX}{strategy.name}-{symbol}-{moment:%Y%m%dT%H%M%SZ}-{digest}"
    count = len(texts)
    measures = [metrics.as_dict() for _, metrics in trials]
    names = list(measures[0]) if measures else []
    table = pa.table(
        {
            "as_of": pa.array([moment] * count, pa.timestamp("ms", tz="UTC")),
            "strategy": pa.array([strategy.name] * count, pa.string()),
            "symbol": pa.array([symbol] * count, pa.string()),
            "trial": pa.array(range(count), pa.int64()),
            "params": pa.array(texts, pa.string()),
            **{
                name: pa.array([float(found[name]) for found in measures], pa.float64())
                for name in names
            },
        }
    )
    lake.write(SEARCHES, table, {VERSION_MARK: strategy.version}, run=run)
    return run
