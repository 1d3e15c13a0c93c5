"""The models of each task, evaluated in the folds of the nightly training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import nan
from pathlib import Path

import numpy as np
from _model_lake import VENUE, load
from _table_rows import Scored, as_opponent, direction_row, volatility_row

from flows.steps.data.candles import load_candles
from flows.steps.models.dataset import Dataset, Floats, Integers
from flows.steps.models.settings import TrainSettings
from flows.steps.models.split import rolling_window_folds
from flows.steps.models.walk import (
    Forecast,
    held,
    joined,
    tests_of,
    walk,
)
from lake.store import Lake
from trading.candles import DAY_MS, HOUR_MS
from trading.errors import DataError
from trading.model_targets import DIRECTION, VOLATILITY
from trading.models.calibration import fit_chance
from trading.models.families import Recipe, Sample
from trading.models.ranks import auc
from trading.models.triple_barrier import EntryOutcomes, label_entries
from trading.simulation.results import Costs
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

SEEDS = (7, 8, 9, 10, 11)
FIXED = {VOLATILITY: ("har", "ridge"), DIRECTION: ("ridge", "logistic")}
SEEDED = ("lightgbm", "forest")
ENTRIES = ("bb_breakout", "dynamic_breakout", "momentum")
BARE: Mapping[str, Value] = {
    "filters": "off",
    "signal_tf": "15m",
    "stop_loss": 0.02,
    "take_profit": 0.04,
}
_CHANCES = ("logistic", "lightgbm", "forest")


@dataclass(frozen=True)
class Place:
    """Where the features are, and until when they are known."""

    lake: Path
    as_of: datetime

    def data(self, symbol: str) -> Dataset:
        """Return the data set of one symbol, read once a process."""
        return _data(self, symbol)


@lru_cache(maxsize=4)
def _data(place: Place, symbol: str) -> Dataset:
    return load(Lake(place.lake), VENUE, symbol, place.as_of)


def opponents(place: Place, symbol: str) -> list[Scored]:
    """Score the one-line forecasts of both targets."""
    data, settings = place.data(symbol), TrainSettings()
    found = []
    forecasts = walk(data, VOLATILITY, Recipe("har"), settings)
    tests = tests_of(forecasts)
    best, usual = joined(forecasts, "har"), _usual(data, forecasts)
    for name in ("last", "har"):
        row = volatility_row((name, symbol, 0), tests, joined(forecasts, name), best, usual)
        found.append(as_opponent(row))
    forecasts = walk(data, DIRECTION, Recipe("ridge"), settings)
    for name in ("reversal", "momentum"):
        values, cost = joined(forecasts, name), settings.round_trip_bp
        scored = direction_row((name, symbol, 0), tests_of(forecasts), values, cost, 0.0)
        found.append(as_opponent(scored))
    hold, rows = held(forecasts), len(tests_of(forecasts).times)
    found.append(
        Scored(
            DIRECTION, "hold (no costs)", symbol, 0, rows, hold.daily,
            net=(hold.net_bp, hold.trades), net_all=(hold.net_bp, hold.trades), opponent=True,
        )
    )  # fmt: skip
    return found


def fitted(place: Place, symbol: str, target: str, family: str, seed: int) -> list[Scored]:
    """Score one family with one seed."""
    data, settings = place.data(symbol), TrainSettings()
    recipe = Recipe(family, {"seed": seed} if family in SEEDED else {})
    forecasts = walk(data, target, recipe, settings, compare=target == VOLATILITY)
    tests, values, name = tests_of(forecasts), joined(forecasts), (family, symbol, seed)
    if target == VOLATILITY:
        usual = _usual(data, forecasts)
        return [volatility_row(name, tests, values, joined(forecasts, "har"), usual)]
    return [direction_row(name, tests, values, settings.round_trip_bp, settings.edge)]


def _usual(data: Dataset, forecasts: list[Forecast]) -> Floats:
    """Return the median volatility of each test row's training."""
    return np.concatenate(
        [
            np.full(len(one.test.times), np.median(data.log_volatility[one.split.train]))
            for one in forecasts
        ]
    )


def entries(place: Place, symbol: str, strategy: str) -> list[Scored]:
    """Score the chance that an entry wins; an entry is taken above the training's share of wins.

    Labels last as long as their trade: training ends where the last of its labels was known.
    """
    data = place.data(symbol)
    chosen = get_strategy(strategy)
    own = {name: value for name, value in BARE.items() if name in chosen.resolve({})}
    candles = load_candles(Lake(place.lake), VENUE, symbol, place.as_of)
    settings = TrainSettings()
    costs = Costs(settings.round_trip_bp / 2.0 - 1.0, 1.0)
    outcomes = label_entries(chosen, candles, own, costs)
    task = f"entry wins: {strategy}"
    folds = list(_entry_folds(data, outcomes, settings))
    every = np.concatenate([test for _, test in folds])
    net = outcomes.net_return[every]
    daily = _by_day(outcomes.decided_at[every], net)
    mean = (1e4 * float(net.mean()), len(every))
    found = [
        Scored(
            task, "take all", symbol, 0, len(every), daily,
            net=mean, net_all=mean, opponent=True,
        )
    ]  # fmt: skip
    for family in _CHANCES:
        found.append(_chances(task, family, symbol, data, outcomes, folds))
    return found


def _chances(
    task: str,
    family: str,
    symbol: str,
    data: Dataset,
    outcomes: EntryOutcomes,
    folds: list[tuple[Integers, Integers]],
) -> Scored:
    rows, won = _rows_of(data, outcomes), outcomes.won
    chance, taken = np.full(len(outcomes), nan), np.zeros(len(outcomes), dtype=bool)
    for train, test in folds:
        base = float(won[train].mean())
        horizon = int((outcomes.known_at - outcomes.decided_at)[train].max())
        sample = Sample(
            data.features, data.x[rows[train]], won[train].astype(np.float64),
            outcomes.decided_at[train], horizon,
        )  # fmt: skip
        try:
            model = fit_chance(Recipe(family), sample)
        except DataError:
            chance[test] = base  # too few to learn from: the base rate
        else:
            places = [data.features.index(name) for name in model.model.features]
            chance[test] = model.predict(data.x[rows[test]][:, places])
        taken[test] = chance[test] >= base
    tested = np.concatenate([test for _, test in folds])
    some = tested[taken[tested]]
    net = outcomes.net_return
    return Scored(
        task, family, symbol, 0, len(tested),
        _by_day(outcomes.decided_at[tested], np.where(taken[tested], net[tested], 0.0)),
        auc=auc(won[tested], chance[tested]),
        net=(1e4 * float(net[some].mean()) if len(some) else nan, len(some)),
        net_all=(1e4 * float(net[tested].mean()), len(tested)),
    )  # fmt: skip


def _entry_folds(
    data: Dataset, outcomes: EntryOutcomes, settings: TrainSettings
) -> Iterator[tuple[Integers, Integers]]:
    """Yield training and test as places among the outcomes; both have features."""
    decided, known = outcomes.decided_at, outcomes.known_at
    usable = _rows_of(data, outcomes) >= 0
    for fold in rolling_window_folds(int(data.times[0]), int(data.times[-1]) + 1, settings.split):
        embargo = fold.test_start - round(settings.split.embargo_hours * HOUR_MS)
        train = np.flatnonzero(usable & (decided >= fold.train_start) & (known <= embargo))
        test = np.flatnonzero(usable & (decided >= fold.test_start) & (decided < fold.test_end))
        if len(train) and len(test):
            yield train, test


def _rows_of(data: Dataset, outcomes: EntryOutcomes) -> Integers:
    """Return the row of features that was known when each entry was decided, or -1."""
    place = np.searchsorted(data.times, outcomes.decided_at, side="right") - 1
    fresh = outcomes.decided_at - data.times[np.maximum(place, 0)] < HOUR_MS
    return np.asarray(np.where((place >= 0) & fresh, place, -1), dtype=np.int64)


def _by_day(times: Integers, values: Floats) -> Floats:
    days = times // DAY_MS
    return np.asarray(np.bincount(days - days.min(), weights=values), dtype=np.float64)


Job = tuple[Callable[..., list[Scored]], tuple[object, ...]]


def jobs(place: Place, symbols: tuple[str, ...]) -> list[Job]:
    """Return all evaluations, in the order of the table."""
    found: list[Job] = [(opponents, (place, symbol)) for symbol in symbols]
    for target in (VOLATILITY, DIRECTION):
        found += [
            (fitted, (place, symbol, target, family, seed))
            for family, seeds in [(f, (0,)) for f in FIXED[target]] + [(f, SEEDS) for f in SEEDED]
            for symbol in symbols
            for seed in seeds
            if not (target == VOLATILITY and family == "har")
        ]
    found += [(entries, (place, s, strategy)) for strategy in ENTRIES for s in symbols]
    return found
