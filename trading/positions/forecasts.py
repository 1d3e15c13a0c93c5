"""What forecasts change in an entry: one rule, live and simulated.

A volatility here is the standard deviation of one minute's return, as a share of the price. Its
forecast may lower the size, move what follows from the ATR, and refuse an entry that cannot be
expected to earn its costs. The forecast chance that an entry wins may refuse it. No forecast makes
an entry larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple

import numpy as np

from trading import model_targets
from trading.candles import HOUR_MS, MINUTE_MS, CandleColumns, Flags, Floats, Integers
from trading.defaults import FEE_BPS, SLIPPAGE_BPS
from trading.errors import ParameterError
from trading.jit.backends import Backend
from trading.jit.kernel import Buffer, kernel

MEAN_MOVE = 0.7978845608028654
"""Mean size of a normal variable in units of its deviation, the root of 2 / pi."""
MEAN_RANGE = 1.5957691216057308
"""Mean range of a random walk in units of the deviation of its end, the root of 8 / pi (W. Feller,
1951, Annals of Mathematical Statistics 22)."""
HOUR_MINUTES = HOUR_MS // MINUTE_MS

# Columns of `CandleColumns.forecasts`: of the hour after a candle's close.
RETURN = model_targets.DIRECTION
"""Its return, a share of the price."""
VOLATILITY = model_targets.VOLATILITY
"""The deviation of one minute's return in it."""
USUAL = f"usual_{VOLATILITY}"
"""The volatility that forecasts of it are compared with."""

# The use of forecasts as the kernels read it.
U_SIZE = 0
U_LEAST = 1
U_STOP = 2
U_LEVERAGE = 3
U_LEAST_MOVE = 4
U_SKIPS = 5

WhenMissing = Literal["neutral", "skip"]


@dataclass(frozen=True, slots=True)
class ForecastUse:
    """What forecasts are used for.

    ``size``: an entry is smaller by as much as the next hour is wilder than usual, down to
    ``least_size`` of what it would be. ``stop``: the forecast range of a candle replaces the ATR
    behind stops and sizes by ATR. ``leverage``: it replaces the ATR behind a leverage that follows
    the volatility. ``cost_filter``: an entry is skipped when the mean move of the next hour is
    below so many round trips of ``round_trip_bps``; 0 is never. ``entries``: an entry is skipped
    when its chance to win is forecast to be below the usual one. ``when_missing``: without a valid
    forecast an entry is made as without forecasts, or skipped.
    """

    size: bool = False
    least_size: float = 0.25
    stop: bool = False
    leverage: bool = False
    cost_filter: float = 0.0
    entries: bool = False
    round_trip_bps: float = 2.0 * (FEE_BPS + SLIPPAGE_BPS)
    when_missing: WhenMissing = "neutral"

    def __post_init__(self) -> None:
        bounds = {
            "least_size": (0.01, 1.0),
            "cost_filter": (0.0, 100.0),
            "round_trip_bps": (0, 1e3),
        }
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise ParameterError(
                    f"{name} = {getattr(self, name):g} is out of bounds; give {low:g} to {high:g}"
                )

    @property
    def is_on(self) -> bool:
        """Whether forecasts change anything."""
        return self.reads_volatility or self.entries

    @property
    def reads_volatility(self) -> bool:
        """Whether forecasts of volatility change anything."""
        return self.size or self.stop or self.leverage or self.cost_filter > 0.0

    def takes(self, chance: float, usual: float) -> bool:
        """Whether an entry is taken that wins with a ``chance``; NaN where none is known."""
        if not self.entries:
            return True
        if math.isnan(chance) or math.isnan(usual):
            return self.when_missing != "skip"
        return chance >= usual

    @property
    def numbers(self) -> tuple[float, ...]:
        """The use as the kernels read it, which leave the last one to `takes`."""
        return (
            float(self.size),
            self.least_size,
            float(self.stop),
            float(self.leverage),
            self.cost_filter * self.round_trip_bps / 10_000.0,
            float(self.reads_volatility and self.when_missing == "skip"),
            float(self.entries and 1 + (self.when_missing == "skip")),
        )

    def applied(
        self,
        volatility: Floats,
        usual: Floats,
        prices: Floats,
        atrs: Floats,
        atr_ms: int,
        backend: Backend,
    ) -> EntryColumns:
        """Return entries, a value each, with what is forecast applied; NaN where nothing is."""
        count = len(atrs)
        columns = EntryColumns(
            backend.floats(volatility),
            backend.floats(usual),
            backend.floats(prices),
            backend.floats(atrs),
            backend.zeros(count),
            backend.zeros(count),
            backend.zeros(count),
        )
        backend.kernel(adjust_entries)(backend.floats(self.numbers), columns, atr_ms)
        return columns


NO_USE = ForecastUse()


def usual_of(target: str) -> str:
    """Return the column of `CandleColumns.forecasts` with the usual value of a target."""
    return f"usual_{target}"


def column_of(candles: CandleColumns, name: str) -> Floats:
    """Return one column of the candles' forecasts, NaN where they have none."""
    known = (candles.forecasts or {}).get(name)
    return np.full(len(candles), math.nan) if known is None else known


@kernel
def expected_move(volatility: float) -> float:
    """Return the mean size of the next hour's return."""
    return MEAN_MOVE * volatility * math.sqrt(float(HOUR_MINUTES))


@kernel
def expected_range(volatility: float, price: float, length_ms: int) -> float:
    """Return the mean distance from low to high of a candle of ``length_ms``, in price."""
    return MEAN_RANGE * volatility * math.sqrt(length_ms / MINUTE_MS) * price


@kernel
def may_enter(use: Buffer, volatility: float) -> bool:
    """Whether an entry is made; ``volatility`` is NaN where no forecast is valid."""
    if not volatility > 0.0:
        return use[U_SKIPS] == 0.0
    return expected_move(volatility) >= use[U_LEAST_MOVE]


@kernel
def size_of(use: Buffer, volatility: float, usual: float) -> float:
    """Return the share of its size that an entry takes, at most 1."""
    if use[U_SIZE] == 0.0 or not (volatility > 0.0 and usual > 0.0):
        return 1.0
    share = usual / volatility
    if share < use[U_LEAST]:
        return use[U_LEAST]
    return share if share < 1.0 else 1.0


@kernel
def range_of(
    use: Buffer, which: int, volatility: float, price: float, ms: int, atr: float
) -> float:
    """Return what stands for the ``atr`` (of candles of ``ms``) in the use ``which``."""
    if use[which] == 0.0 or not volatility > 0.0 or not atr > 0.0:
        return atr
    return expected_range(volatility, price, ms)


class EntryColumns(NamedTuple):
    """Entries, a value each: what is forecast, price and ATR at the decision, and what follows.

    Written are ``atrs``, ``scales``, ``swings`` (the move behind the leverage) and ``made``, 0 for
    an entry that is not made.
    """

    volatility: Buffer
    usual: Buffer
    prices: Buffer
    atrs: Buffer
    scales: Buffer
    swings: Buffer
    made: Buffer


@kernel
def adjust_entries(use: Buffer, entries: EntryColumns, atr_ms: int) -> None:
    """Apply the forecasts to every entry; the ATR is that of candles of ``atr_ms``."""
    for i in range(len(entries.atrs)):
        known, price, atr = entries.volatility[i], entries.prices[i], entries.atrs[i]
        entries.made[i] = 1.0 if may_enter(use, known) else 0.0
        entries.scales[i] = size_of(use, known, entries.usual[i])
        entries.swings[i] = range_of(use, U_LEVERAGE, known, price, atr_ms, atr)
        entries.atrs[i] = range_of(use, U_STOP, known, price, atr_ms, atr)


@dataclass(frozen=True)
class VolatilityForecasts:
    """Forecasts of one symbol, ascending by ``known_from``; a value each.

    Times are ms: a forecast may be used from ``known_from`` on, before ``valid_until``. ``usual``
    is the volatility with which it is compared.
    """

    known_from: Integers
    valid_until: Integers
    volatility: Floats
    usual: Floats

    def __post_init__(self) -> None:
        counts = {len(getattr(self, field.name)) for field in fields(self)}
        if len(counts) != 1 or not (np.diff(self.known_from) > 0).all():
            raise ParameterError("forecasts need a value each, in ascending order of known_from")

    def at(self, moments: Integers) -> tuple[Floats, Floats]:
        """Return volatility and usual volatility known at each moment (ms); NaN where none is."""
        return _known_at(moments, self.known_from, self.valid_until, self.volatility, self.usual)


@dataclass(frozen=True)
class EntryChances:
    """Forecast chances that an entry of one strategy on one symbol wins; see `VolatilityForecasts`.

    ``usual`` is the share of entries that won in the training.
    """

    known_from: Integers
    valid_until: Integers
    chance: Floats
    usual: Floats

    def __post_init__(self) -> None:
        counts = {len(getattr(self, field.name)) for field in fields(self)}
        if len(counts) != 1 or not (np.diff(self.known_from) > 0).all():
            raise ParameterError("chances need a value each, in ascending order of known_from")

    def taken(self, moments: Integers, use: ForecastUse) -> Flags:
        """Return whether each entry decided at ``moments`` (ms) is taken."""
        known = _known_at(moments, self.known_from, self.valid_until, self.chance, self.usual)
        return taken_of(*known, use)


NO_CHANCES = EntryChances(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
)


def taken_of(chances: Floats, usual: Floats, use: ForecastUse) -> Flags:
    """Return whether each entry is taken; NaN where nothing is known."""
    pairs = zip(chances.tolist(), usual.tolist(), strict=True)
    return np.array([use.takes(chance, base) for chance, base in pairs], dtype=bool)


def _known_at(
    moments: Integers, known_from: Integers, valid_until: Integers, values: Floats, usual: Floats
) -> tuple[Floats, Floats]:
    if len(known_from) == 0:
        nothing = np.full(len(moments), math.nan)
        return nothing, nothing
    place = np.searchsorted(known_from, moments, side="right") - 1
    usable = (place >= 0) & (moments < valid_until[place])
    known = np.where(usable, values[place], math.nan)
    return known, np.where(usable, usual[place], math.nan)


NO_FORECASTS = VolatilityForecasts(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
)


@dataclass(frozen=True)
class EntryForecasts:
    """The forecasts of one symbol, and what they are used for."""

    forecasts: VolatilityForecasts
    use: ForecastUse

    def applied(
        self, closes_ms: Integers, prices: Floats, atrs: Floats, atr_ms: int, backend: Backend
    ) -> EntryColumns:
        """Return the entries that were decided at ``closes_ms``, with what is forecast applied."""
        volatility, usual = self.forecasts.at(closes_ms)
        return self.use.applied(volatility, usual, prices, atrs, atr_ms, backend)
