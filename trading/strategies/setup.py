"""A strategy with its parameters and timeframes, laid out for the kernels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from trading.candles import HOUR_MS, interval_name
from trading.errors import ParameterError
from trading.jit.kernel import Buffer
from trading.market.bars import MORE_TFS, NO_SIGNAL_CANDLE, new_bars
from trading.strategies.base import Strategy
from trading.strategies.decisions import WARMING_UP, WARMING_UP_TEXT
from trading.strategies.filters import (
    FILTER_SIZE,
    REASON_TEXTS,
    filter_warmup,
    filters_clear,
    hourly_warmup,
)
from trading.strategies.layout import (
    CONFIDENCE,
    FORECAST,
    LIMIT,
    OUT_SIZE,
    REASON,
    SEEN,
    STOP_PRICE,
    TARGET_PRICE,
    Step,
)
from trading.strategies.parameters import Value


@dataclass(frozen=True, slots=True)
class Setup:
    """A strategy with resolved parameters, laid out for the kernels."""

    strategy: Strategy
    params: Mapping[str, Value]
    base_ms: int
    signal_ms: int
    filter_ms: int
    hourly_ms: int
    par: tuple[float, ...]
    state_size: int
    more: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, strategy: Strategy, values: Mapping[str, Value], base_ms: int) -> Setup:
        """Resolve ``values``; timeframes that base candles cannot form are a `ParameterError`."""
        return cls.resolved(strategy, strategy.resolve(values), base_ms)

    @classmethod
    def resolved(cls, strategy: Strategy, params: Mapping[str, Value], base_ms: int) -> Setup:
        """Lay out parameters that are resolved already."""
        filtered = strategy.filters_on(params)
        needs_filter_tf = filtered or strategy.needs_atr(params)
        setup = cls(
            strategy=strategy,
            params=params,
            base_ms=base_ms,
            signal_ms=strategy.signal_tf(params),
            filter_ms=strategy.filter_tf(params) if needs_filter_tf else 0,
            hourly_ms=HOUR_MS if filtered and params["hourly_trend"] == "on" else 0,
            par=tuple(strategy.buffer(params)),
            state_size=strategy.state_size(params),
            more=strategy.more_tfs(params),
        )
        setup.check_more()
        named = ("signal_tf", setup.signal_ms), ("filter_tf", setup.filter_ms)
        for name, length in (*named, ("hourly_trend", setup.hourly_ms)):
            if length % base_ms:
                value = params.get(name, interval_name(length))
                raise ParameterError(
                    f"{strategy.name}: {name} = {value} cannot be built from candles of "
                    f"{interval_name(base_ms)}; give a multiple of it"
                )
        return setup

    def check_more(self) -> None:
        """Refuse further timeframes that base candles cannot form, or too many of them."""
        if len(self.more) > MORE_TFS or self.signal_ms in self.more:
            raise ParameterError(
                f"{self.strategy.name}: give at most {MORE_TFS} further timeframes, other than "
                f"signal_tf = {interval_name(self.signal_ms)}"
            )
        for length in self.more:
            if length % self.base_ms:
                raise ParameterError(
                    f"{self.strategy.name}: candles of {interval_name(length)} cannot be built "
                    f"from candles of {interval_name(self.base_ms)}; give a multiple of it"
                )

    @property
    def is_bare(self) -> bool:
        """Return whether base candles are the only input: no other timeframe, filter or level."""
        others = self.filter_ms or self.hourly_ms or self.more or self.strategy.own_levels
        return self.signal_ms == self.base_ms and not others

    @property
    def step(self) -> Step:
        """Return the step kernel of the strategy."""
        return type(self.strategy).step

    def buffers(self) -> tuple[Buffer, Buffer, Buffer, Buffer, Buffer]:
        """Return new bars, filters, state, parameters and output, as lists."""
        filters = [0.0] * FILTER_SIZE
        filters_clear(filters)
        bars = new_bars(self.signal_ms, self.filter_ms, self.hourly_ms, tuple(self.more))
        out = [0.0] * OUT_SIZE
        out[STOP_PRICE] = out[TARGET_PRICE] = out[CONFIDENCE] = out[FORECAST] = math.nan
        return bars, filters, [0.0] * self.state_size, list(self.par), out

    def history_needed(self) -> dict[int, int]:
        """Return the closed candles, by timeframe in ms, that forget the history's start."""
        needed = {self.signal_ms: self.strategy.warmup(self.params)}
        if self.filter_ms:
            bars = filter_warmup(int(self.params["trend_span"]))
            needed[self.filter_ms] = max(needed.get(self.filter_ms, 0), bars)
        if self.hourly_ms:
            needed[self.hourly_ms] = max(needed.get(self.hourly_ms, 0), hourly_warmup())
        for length, candles in self.more.items():
            needed[length] = max(needed.get(length, 0), candles)
        return needed

    def reason_text(self, out: Buffer) -> str:
        """Return the text of the reason for a decision."""
        code = int(out[REASON])
        if code == NO_SIGNAL_CANDLE:
            return f"between {interval_name(self.signal_ms)} candles"
        if code == WARMING_UP:
            return WARMING_UP_TEXT
        if code in self.strategy.reasons:
            return self.strategy.reason_text(code, out[SEEN], out[LIMIT])
        return REASON_TEXTS[code].format(seen=out[SEEN], limit=out[LIMIT])
