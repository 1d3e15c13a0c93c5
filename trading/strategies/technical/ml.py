"""Trade a forecast: buy when it is above the price, leave when it is below.

The forecast is either the strategy's own, linear in a few features, or that of a release's model of
the direction, as the flow `signals` publishes it: used from three minutes after its last candle has
closed until 30 minutes after it, and nothing is decided without a valid one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from trading.candles import CandleColumns
from trading.indicators.forecast import FEATURES, FORECAST_SIZE, SIZE, features_step, fit_weights
from trading.indicators.forecast import forecast_warmup as warmup_of_features
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.strategies.base import Strategy
from trading.strategies.decisions import warming_up, write_decision
from trading.strategies.layout import CONFIDENCE, ENTER, EXIT, FORECAST, HOLD, OWN
from trading.strategies.parameters import Parameter, Value

LEAST_MOVE = OWN
LEAST_CONFIDENCE = OWN + 1
INTERCEPT = OWN + 2
WEIGHTS = OWN + 3

ENTERED = 1
EXPECTED_LOWER = 2
TOO_LITTLE = 3
UNSURE = 4
NO_MODEL = 5
NO_FORECAST = 6

FEATURES_AT = FORECAST_SIZE
WEIGHT_BOUND = 10.0
PUBLISHED = WEIGHTS + SIZE
NAMES = ("intercept", *(f"weight_{name}" for name in FEATURES))

NAN = math.nan


@kernel
def forecast_of(state: Buffer, par: Buffer) -> float:
    """Return the forecast return, from the features in the state."""
    total = par[INTERCEPT]
    for i in range(SIZE):
        total += par[WEIGHTS + i] * state[FEATURES_AT + i]
    return total


@kernel
def has_model(par: Buffer) -> bool:
    """Return whether any weight is set."""
    size = 0.0
    for i in range(SIZE + 1):
        size += abs(par[INTERCEPT + i])
    return size > 0.0


@kernel
def ml_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``."""
    moves = features_step(state, 0, bar, state, FEATURES_AT)
    published = par[PUBLISHED] > 0.0
    forecast = out[FORECAST] if published else forecast_of(state, par)
    size = forecast if forecast > 0.0 else -forecast
    confidence = size / (size + moves) if size + moves > 0.0 else 0.0
    if not (published or has_model(par)):
        write_decision(out, HOLD, NO_MODEL, NAN, NAN)
        return
    if published and forecast != forecast:
        write_decision(out, HOLD, NO_FORECAST, NAN, NAN)
        return
    if forecast != forecast or moves != moves:
        warming_up(out)
        return
    if forecast < -par[LEAST_MOVE]:
        write_decision(out, EXIT, EXPECTED_LOWER, forecast, -par[LEAST_MOVE])
    elif not forecast > par[LEAST_MOVE]:
        write_decision(out, HOLD, TOO_LITTLE, forecast, par[LEAST_MOVE])
    elif confidence < par[LEAST_CONFIDENCE]:
        write_decision(out, HOLD, UNSURE, confidence, par[LEAST_CONFIDENCE])
    else:
        write_decision(out, ENTER, ENTERED, forecast, par[LEAST_MOVE])
    out[CONFIDENCE] = confidence


class Ml(Strategy):
    """Enter on a forecast above the price by ``least_move``, leave on one below it by as much.

    The confidence is the forecast's size over itself plus the recent volatility: it falls as the
    market moves more. ``source`` says whose forecast: ``fitted`` is the strategy's own of the next
    candle, ``published`` the model's of the next hour.
    """

    name = "ml"
    summary = "Buy a forecast above price x 1.001 (fitted here, or a model's); sell below x 0.999."
    own = (
        Parameter("least_move", "float", 0.001, 0.0, 0.1, help="forecast return that counts"),
        Parameter("min_confidence", "float", 0.0, 0.0, 1.0, help="least confidence to enter"),
        *(
            Parameter(name, "float", 0.0, -WEIGHT_BOUND, WEIGHT_BOUND, help="fitted, not searched")
            for name in NAMES
        ),
        Parameter(
            "source",
            "choice",
            "fitted",
            choices=("fitted", "published"),
            help="whose forecast: fitted here, or published by the flow signals",
        ),
    )
    learns = True
    step = staticmethod(ml_step)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered: forecast {seen:+.3%} above {limit:.3%}",
        EXPECTED_LOWER: "out: forecast {seen:+.3%} below {limit:.3%}",
        TOO_LITTLE: "forecast {seen:+.3%} within {limit:.3%}",
        UNSURE: "entry held: confidence {seen:.2f} < {limit:g}",
        NO_MODEL: "no model: all weights are 0",
        NO_FORECAST: "no valid forecast is published",
    }

    def reads_forecasts(self, params: Mapping[str, Value]) -> bool:
        """Return whether the forecasts are published ones."""
        return params.get("source") == "published"

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of the memory of the features, and of the last features."""
        del params
        return FORECAST_SIZE + SIZE

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the longest memory of a feature."""
        del params
        return warmup_of_features()

    def learn(self, candles: CandleColumns, params: Mapping[str, Value]) -> dict[str, Value]:
        """Fit the weights on the candles of ``signal_tf``, within their bounds; or nothing."""
        if self.reads_forecasts(params):
            return {}
        weights = fit_weights(candles.higher(self.signal_tf(params)))
        bounded = (max(-WEIGHT_BOUND, min(WEIGHT_BOUND, weight)) for weight in weights)
        return dict(zip(NAMES, bounded, strict=True))
