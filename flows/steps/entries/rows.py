"""What a model of entries learns from: features known before each entry, and how it ended.

The method is meta-labelling (López de Prado, "Advances in Financial Machine Learning", 2018,
chapter 3): the strategy decides when to enter, the model which of these entries to take. An entry
is joined with the forecast that the executor would have: made at the last bar whose features were
published before the decision, and not expired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from flows.settings import ResearchSettings
from flows.steps.data.candles import load_traded_candles, start_compiling
from flows.steps.features.features import feature_names, read_features
from flows.steps.forecasts.predict import feature_rows
from flows.steps.models.dataset import WARM_UP_MS, Floats, Integers
from lake.releases import VALIDITY
from lake.releases.forecast_file import LAG
from lake.series import load_funding, with_returns
from lake.store import Lake
from trading.candles import Flags
from trading.errors import DataError
from trading.models.triple_barrier import EntryOutcomes, label_entries
from trading.simulation.results import Costs
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

LAG_MS = round(LAG.total_seconds() * 1000)
VALID_MS = round(VALIDITY["signals"].total_seconds() * 1000)


@dataclass(frozen=True)
class SymbolBars:
    """The features ``x`` [bar, feature] of one symbol, known at ``times`` (closes, ms, UTC)."""

    symbol: str
    times: Integers
    x: Floats


@dataclass(frozen=True)
class EntryRows:
    """Entries of one strategy on all symbols, ascending in ``decided_at`` (ms, UTC).

    ``symbols`` numbers the symbol of each entry in ``bars``, ``places`` its row there: the last
    features that were published when it was decided. The result ``net``, a share of the equity
    after costs, is known at ``known_at``.
    """

    features: tuple[str, ...]
    bars: tuple[SymbolBars, ...]
    symbols: Integers
    places: Integers
    decided_at: Integers
    known_at: Integers
    net: Floats

    def __len__(self) -> int:
        return len(self.decided_at)

    @property
    def won(self) -> Flags:
        """Whether each entry earned anything after costs."""
        return np.asarray(self.net > 0.0)

    @property
    def x(self) -> Floats:
        """The features of each entry [entry, feature]."""
        rows = [self.bars[s].x[p] for s, p in zip(self.symbols, self.places, strict=True)]
        return np.vstack(rows) if rows else np.empty((0, len(self.features)))

    def take(self, chosen: Flags | Integers) -> EntryRows:
        """Return some of the entries, in the given order."""
        return replace(
            self,
            symbols=self.symbols[chosen],
            places=self.places[chosen],
            decided_at=self.decided_at[chosen],
            known_at=self.known_at[chosen],
            net=self.net[chosen],
        )


def load_entries(
    lake: Lake,
    strategy: str,
    params: Mapping[str, Mapping[str, Value]],
    *,
    as_of: datetime,
    settings: ResearchSettings,
    since: datetime | None = None,
) -> EntryRows:
    """Label the entries of ``strategy`` on each symbol of ``params``, from ``since`` on.

    A symbol without features is left out. Raises `DataError` when none has features and an entry
    that has ended.
    """
    start_compiling()
    bars, outcomes = [], []
    for symbol, own in sorted(params.items()):
        features = read_features(lake, settings.venue, symbol, as_of, since=since)
        if not features.num_rows:
            continue
        times, x = feature_rows(features, feature_names())
        begin = int(times[0]) + WARM_UP_MS if len(times) else 0
        known = times >= begin
        bars.append(SymbolBars(symbol, times[known], x[known]))
        outcomes.append(_outcomes(lake, strategy, symbol, own, as_of, settings, begin))
    found = joined(feature_names(), bars, outcomes) if bars else None
    if found is None or not len(found):
        raise DataError(
            f"{strategy}: none of its entries has ended while features were known; import a longer"
            " history"
        )
    return found


def _outcomes(
    lake: Lake,
    name: str,
    symbol: str,
    params: Mapping[str, Value],
    as_of: datetime,
    settings: ResearchSettings,
    begin: int,
) -> EntryOutcomes:
    strategy = get_strategy(name).as_traded()
    candles = load_traded_candles(lake, settings.trading_hours, settings.venue, symbol, as_of)
    if strategy.reads_forecasts(strategy.resolve(params)):
        candles = with_returns(lake, candles, settings.venue, symbol, as_of)
    funding = load_funding(lake, settings.venue, symbol, as_of)
    costs = Costs(settings.fee_bps, settings.slippage_bps, funding=funding)
    return label_entries(strategy, candles, params, costs, trade_from_ms=begin)


def joined(
    features: Sequence[str], bars: Sequence[SymbolBars], outcomes: Sequence[EntryOutcomes]
) -> EntryRows:
    """Join the entries of each symbol with the bar whose features were published before them.

    Entries without one, or whose forecast would have expired, are left out.
    """
    symbols, places, decided, known, net = [], [], [], [], []
    for number, (own, ended) in enumerate(zip(bars, outcomes, strict=True)):
        place = np.searchsorted(own.times + LAG_MS, ended.decided_at, side="right") - 1
        usable = place >= 0
        usable[usable] = ended.decided_at[usable] < own.times[place[usable]] + VALID_MS
        symbols.append(np.full(int(usable.sum()), number))
        places.append(place[usable])
        decided.append(ended.decided_at[usable])
        known.append(ended.known_at[usable])
        net.append(ended.net_return[usable])
    order = np.argsort(np.concatenate(decided), kind="stable")
    return EntryRows(
        tuple(features),
        tuple(bars),
        np.concatenate(symbols)[order].astype(np.int64),
        np.concatenate(places)[order].astype(np.int64),
        np.concatenate(decided)[order],
        np.concatenate(known)[order],
        np.concatenate(net)[order],
    )
