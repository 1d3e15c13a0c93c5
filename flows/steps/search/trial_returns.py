"""The daily returns of every trial of a search: stored on the night of a look, pooled by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from flows.engine.provenance import stable_json
from flows.steps.search.optimize_request import OptimizeRequest
from flows.steps.search.validation import HistoryValidation
from lake.store import Lake
from lake.tables import TRIAL_RETURNS
from trading.candles import DAY_MS, CandleColumns, Floats
from trading.errors import DataError

OUT_OF_SAMPLE = -1
_MARK = "nocturne.trial_returns"


@dataclass(frozen=True, slots=True)
class SymbolReturns:
    """Daily returns of one search; days count from the epoch, ``last`` is not among them.

    ``sets`` are the searched parameters of each trial as text, ``returns`` is ``[trial, day]`` from
    ``first`` on. ``unseen`` are the stitched out-of-sample returns from ``unseen_first`` on.
    """

    first: int
    sets: tuple[str, ...]
    returns: Floats
    unseen_first: int
    unseen: Floats

    @property
    def last(self) -> int:
        """The day after the last one."""
        return self.first + int(self.returns.shape[1])


@dataclass(frozen=True, slots=True)
class PooledReturns:
    """The trials of one hypothesis on common days.

    ``returns`` is ``[row, day]``; ``symbols`` names the symbol of each row, empty for a row that
    holds one parameter set on all symbols in equal parts.
    """

    returns: Floats
    symbols: tuple[str, ...]


def store_trial_returns(
    lake: Lake, request: OptimizeRequest, candles: CandleColumns, validation: HistoryValidation
) -> None:
    """Write the daily returns of every trial, and of the out-of-sample run."""
    first = int(candles.open_time[0]) // DAY_MS
    daily, walk = validation.daily, validation.walk
    trial, day = np.nonzero(daily)
    unseen = np.flatnonzero(walk.daily_returns)
    days = np.concatenate(((day + first) * DAY_MS, walk.days[unseen]))
    count = len(days)
    unseen_first = int(walk.days[0]) // DAY_MS if len(walk.days) else first
    table = pa.table(
        {
            "as_of": pa.array([request.as_of] * count, pa.timestamp("ms", tz="UTC")),
            "strategy": pa.array([request.strategy.name] * count, pa.string()),
            "symbol": pa.array([request.symbol] * count, pa.string()),
            "trial": np.concatenate((trial, np.full(len(unseen), OUT_OF_SAMPLE))).astype(np.int64),
            "day": pa.array(days.astype(np.int64)).cast(pa.timestamp("ms", tz="UTC")),
            "net_return": np.concatenate((daily[trial, day], walk.daily_returns[unseen])),
        }
    )
    sets = [
        stable_json({name: value for name, value in params.items() if name not in request.fixed})
        for params in request.trials
    ]
    shape = {
        "first": first,
        "days": daily.shape[1],
        "sets": sets,
        "unseen_first": unseen_first,
        "unseen_days": len(walk.daily_returns),
    }
    lake.write(TRIAL_RETURNS, table, {_MARK: json.dumps(shape)}, run=request.run)


def load_trial_returns(lake: Lake, run: str) -> SymbolReturns:
    """Read what one search stored; `DataError` if it stored nothing."""
    text = lake.metadata(TRIAL_RETURNS, run=run).get(_MARK)
    if text is None:
        raise DataError(f"the search {run} stored no returns of its trials; run it again")
    shape = json.loads(text)
    rows = lake.read(TRIAL_RETURNS, ["trial", "day", "net_return"], run=run)
    trial = rows["trial"].to_numpy()
    day = rows["day"].cast(pa.int64()).to_numpy() // DAY_MS
    values = rows["net_return"].to_numpy()
    returns = np.zeros((len(shape["sets"]), shape["days"]))
    own = trial >= 0
    returns[trial[own], day[own] - shape["first"]] = values[own]
    unseen = np.zeros(shape["unseen_days"])
    unseen[day[~own] - shape["unseen_first"]] = values[~own]
    return SymbolReturns(
        shape["first"], tuple(shape["sets"]), returns, shape["unseen_first"], unseen
    )


def pool(found: Mapping[str, SymbolReturns]) -> PooledReturns:
    """Put the trials of all symbols on common days; days outside of a history earn nothing.

    With several symbols there is one more row for every set that all of them tried.
    """
    first = min(one.first for one in found.values())
    last = max(one.last for one in found.values())
    sets = [set(one.sets) for one in found.values()]
    shared = sorted(set.intersection(*sets)) if len(sets) > 1 else []
    own = sum(len(one.sets) for one in found.values())
    pooled = np.zeros((own + len(shared), last - first))
    held = np.zeros(last - first)
    symbols: list[str] = []
    for symbol, one in found.items():
        days = slice(one.first - first, one.last - first)
        pooled[len(symbols) : len(symbols) + len(one.sets), days] = one.returns
        held[days] += 1.0
        places = {name: place for place, name in enumerate(one.sets)}
        pooled[own:, days] += one.returns[[places[name] for name in shared]]
        symbols += [symbol] * len(one.sets)
    pooled[own:] /= np.maximum(held, 1.0)
    return PooledReturns(pooled, (*symbols, *[""] * len(shared)))


def unseen_portfolio(found: Mapping[str, SymbolReturns]) -> Floats:
    """Return the out-of-sample returns of all symbols in equal parts."""
    first = min(one.unseen_first for one in found.values())
    last = max(one.unseen_first + len(one.unseen) for one in found.values())
    total, held = np.zeros(last - first), np.zeros(last - first)
    for one in found.values():
        place = slice(one.unseen_first - first, one.unseen_first - first + len(one.unseen))
        total[place] += one.unseen
        held[place] += 1.0
    return np.asarray(total / np.maximum(held, 1.0))
