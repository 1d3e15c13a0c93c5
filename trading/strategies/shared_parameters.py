"""Parameters that several strategies declare alike."""

from __future__ import annotations

from trading.strategies.parameters import Parameter

SHARED: tuple[Parameter, ...] = (
    Parameter(
        "take_profit", "float", 0.05, 0.0, 1.0, help="target, a share of the entry; 0 = none"
    ),
    Parameter("stop_loss", "float", 0.02, 0.0, 0.5, help="fixed stop, a share; 0 = by ATR"),
    Parameter("atr_multiplier", "float", 2.0, 0.5, 10.0, help="distance of the ATR stop, in ATRs"),
    Parameter("trailing_stop", "float", 0.0, 0.0, 0.5, help="fall from the best price; 0 = none"),
    Parameter(
        "emergency_stop", "float", 0.05, 0.005, 0.5, help="market exit, whatever else applies"
    ),
    Parameter(
        "max_position_size",
        "float",
        0.2,
        0.01,
        1.0,
        help="largest share of the account in one symbol",
    ),
    Parameter("signal_tf", "interval", "1h", help="candles that signals come from"),
    Parameter(
        "filters", "choice", "on", choices=("on", "off"), help="off = no filter, no trailing stop"
    ),
    Parameter("filter_tf", "interval", "4h", help="candles that the filters and the ATR use"),
    Parameter("min_volatility", "float", 0.008, 0.0, 0.2, help="least ATR(14) / price to enter"),
    Parameter("min_adx", "float", 20.0, 0.0, 100.0, help="least ADX(14) to enter"),
    Parameter("trend_span", "int", 50, 2, 500, help="span of the trend's EMA on filter_tf"),
    Parameter(
        "hourly_trend", "choice", "off", choices=("off", "on"), help="1h close above its EMA50"
    ),
)
"""Parameters of every technical strategy."""

_SHARE_AT = "a fall from the entry"
_WEIGHT = "its notional, in initial notionals"
_STAGE_STOP = "stop from then on, a share of the average; 0 = as before"

STAGED: tuple[Parameter, ...] = (
    Parameter(
        "partial_take_profit", "ladder", "", help="ladder of profit:share, e.g. 0.02:0.5,0.04:0.25"
    ),
    Parameter("half_close", "float", 0.0, 0.0, 1.0, help="profit that sells half, once; 0 = none"),
    Parameter(
        "exit_after_half",
        "choice",
        "off",
        choices=("off", "on"),
        help="on: the strategy's own exit counts after the half close only",
    ),
    Parameter("time_exit", "float", 0.0, 0.0, 8760.0, help="hours until the exit; 0 = none"),
    Parameter("trailing_arm", "float", 0.0, 0.0, 1.0, help="profit that arms the trailing stop"),
    Parameter(
        "trailing_from",
        "choice",
        "entry",
        choices=("entry", "profit"),
        help="entry: the trailing stop counts from the entry on; profit: beyond the entry",
    ),
    Parameter(
        "sizing",
        "choice",
        "share",
        choices=("share", "risk", "turtle", "volatility"),
        help="share: max_position_size; risk: at the stop; turtle: unit_risk / (ATR x"
        " atr_multiplier); volatility: volatility_target / ATR",
    ),
    Parameter("risk", "float", 0.02, 0.0001, 0.1, help="share of the account lost at the stop"),
    Parameter("unit_risk", "float", 0.01, 0.0001, 0.1, help="share of the account a turtle unit"),
    Parameter(
        "volatility_target", "float", 0.02, 0.0001, 0.5, help="share of the account an ATR moves"
    ),
    Parameter("leverage", "float", 1.0, 1.0, 125.0, help="of the isolated margin; 1 = none"),
    Parameter(
        "target_volatility",
        "float",
        0.0,
        0.0,
        1.0,
        help="share of the margin that an ATR moves, at most leverage; 0 = fixed leverage",
    ),
    Parameter(
        "liquidation_guard",
        "float",
        0.2,
        0.0,
        0.9,
        help="exit when this share of the way to liquidation is left; with leverage only",
    ),
    Parameter("add_first_at", "float", 0.0, 0.0, 0.9, help=f"first addition, {_SHARE_AT}; 0: none"),
    Parameter("add_first_weight", "float", 1.0, 0.01, 10.0, help=_WEIGHT),
    Parameter("add_first_stop", "float", 0.0, 0.0, 0.5, help=_STAGE_STOP),
    Parameter(
        "add_second_at", "float", 0.0, 0.0, 0.9, help=f"second addition, {_SHARE_AT}; 0: none"
    ),
    Parameter("add_second_weight", "float", 1.0, 0.01, 10.0, help=_WEIGHT),
    Parameter("add_second_stop", "float", 0.0, 0.0, 0.5, help=_STAGE_STOP),
)
"""Parameters of positions that change in stages; off by default in every technical strategy."""

RSI = Parameter("rsi_span", "int", 14, 2, 100, help="candles of the RSI")
RSI_LEAVE = Parameter("rsi_exit", "float", 70.0, 40.0, 99.0, help="leave above")
BANDS = (
    Parameter("band_span", "int", 20, 2, 200, help="candles of the bands"),
    Parameter("band_width", "float", 2.0, 0.5, 4.0, help="standard deviations of the bands"),
)
MEAN_VOLUME = Parameter("volume_span", "int", 20, 1, 500, help="candles of the mean volume")


def least_volume(means: float) -> Parameter:
    """Declare how many mean volumes an entry needs."""
    return Parameter("volume_factor", "float", means, 0.0, 10.0, help="least volume, in means")


def ema(span: int, meaning: str = "span of the EMA") -> Parameter:
    """Declare the span of the mean that the close is compared with."""
    return Parameter("mean_span", "int", span, 2, 500, help=meaning)
