"""Parameters that several technical strategies declare alike."""

from __future__ import annotations

from trading.strategies.base import Parameter

RSI = Parameter("rsi_span", "int", 14, 2, 100, help="candles of the RSI")
RSI_LEAVE = Parameter("rsi_exit", "float", 70.0, 40.0, 99.0, help="leave above")
BANDS = (
    Parameter("band_span", "int", 20, 2, 200, help="candles of the bands"),
    Parameter("band_width", "float", 2.0, 0.5, 4.0, help="standard deviations of the bands"),
)
MEAN_VOLUME = Parameter("volume_span", "int", 20, 1, 500, help="candles of the mean volume")


def least_volume(means: float) -> Parameter:
    """How many mean volumes an entry needs, by default."""
    return Parameter("volume_factor", "float", means, 0.0, 10.0, help="least volume, in means")


def ema(span: int, meaning: str = "span of the EMA") -> Parameter:
    """The span of the mean that the close is compared with, by default."""
    return Parameter("mean_span", "int", span, 2, 500, help=meaning)
