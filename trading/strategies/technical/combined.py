"""Weighted votes of five indicators; a side needs two votes and a mean confidence above one half.

The votes are bits of a mask, so that the reason of a decision can name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trading.indicators.comparison import above, sign
from trading.indicators.core import (
    bollinger_size,
    bollinger_step,
    ema_size,
    ema_step,
    ema_warmup,
    macd_size,
    macd_step,
    macd_warmup,
    rsi_size,
    rsi_step,
    sma_size,
    sma_step,
    wilder_warmup,
)
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.strategies.base import Strategy
from trading.strategies.decisions import warming_up, write_decision
from trading.strategies.layout import ENTER, EXIT, HOLD, OWN
from trading.strategies.parameters import Parameter, Value
from trading.strategies.shared_parameters import BANDS, MEAN_VOLUME, RSI, ema, least_volume

RSI_LOW = OWN
VOTE_RSI = OWN + 1  # the confidences of the five votes, in order
MIN_VOTES = OWN + 6
MIN_MEAN = OWN + 7
VOLUME_FACTOR = OWN + 8
RSI_SPAN = OWN + 9
BAND_SPAN = OWN + 10
BAND_WIDTH = OWN + 11
VOLUME_SPAN = OWN + 12
MEAN_SPAN = OWN + 13

FAST, SLOW, SIGNAL = 12, 26, 9

VOTES = ("RSI", "band", "MACD cross", "volume", "EMA")
_MASKS = 32

# Reason codes: one of these plus the mask of the votes; the codes of the filters begin at 101.
BUYING = 1
SELLING = 1 + _MASKS

RSI_AT = 0
MACD_AT = 4
MEAN_AT = 11
LAST_DIFFERENCE = 13
BAND_AT = 14


@kernel
def vote_mask(rsi: bool, band: bool, cross: bool, volume: bool, trend: bool) -> int:
    """Return the votes as bits, in the order of ``VOTES``."""
    mask = 0
    if rsi:
        mask += 1
    if band:
        mask += 2
    if cross:
        mask += 4
    if volume:
        mask += 8
    if trend:
        mask += 16
    return mask


@kernel
def count_votes(mask: int) -> int:
    """Return the number of votes."""
    count = 0
    for _ in range(5):
        count += mask % 2
        mask //= 2
    return count


@kernel
def mean_confidence(mask: int, par: Buffer) -> float:
    """Return the mean confidence of the votes; 0 without any."""
    total = 0.0
    count = 0
    for vote in range(5):
        if mask % 2 == 1:
            total += par[VOTE_RSI + vote]
            count += 1
        mask //= 2
    return total / count if count > 0 else 0.0


@kernel
def carries(mask: int, par: Buffer) -> bool:
    """Return whether the votes suffice to act."""
    return count_votes(mask) >= par[MIN_VOTES] and mean_confidence(mask, par) > par[MIN_MEAN]


@kernel
def combined_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``; votes to sell go before votes to buy."""
    turn, span = bar.open_time // bar.length, int(par[BAND_SPAN])
    rsi = rsi_step(state, RSI_AT, int(par[RSI_SPAN]), bar.close)
    _, _, difference = macd_step(state, MACD_AT, FAST, SLOW, SIGNAL, bar.close)
    mean = ema_step(state, MEAN_AT, int(par[MEAN_SPAN]), bar.close)
    lower, _, upper = bollinger_step(state, BAND_AT, span, par[BAND_WIDTH], turn, bar.close)
    volume_at = BAND_AT + bollinger_size(span)
    usual = sma_step(state, volume_at, int(par[VOLUME_SPAN]), turn, bar.volume)
    before = state[LAST_DIFFERENCE]
    state[LAST_DIFFERENCE] = difference
    if rsi != rsi or before != before or mean != mean or lower != lower or usual != usual:
        warming_up(out)
        return
    lively = bar.volume >= par[VOLUME_FACTOR] * usual
    now, last = sign(difference, bar.close), sign(before, bar.close)
    crossed_up = now > 0.0 and not last > 0.0
    crossed_down = now < 0.0 and not last < 0.0
    low_rsi, at_lower = above(par[RSI_LOW], rsi), not above(bar.low, lower)
    buy = vote_mask(low_rsi, at_lower, crossed_up, lively, above(bar.close, mean))
    high_rsi, at_upper = above(rsi, 100.0 - par[RSI_LOW]), not above(upper, bar.high)
    sell = vote_mask(high_rsi, at_upper, crossed_down, lively, above(mean, bar.close))
    if carries(sell, par):
        write_decision(out, EXIT, SELLING + sell, mean_confidence(sell, par), par[MIN_MEAN])
    elif carries(buy, par):
        write_decision(out, ENTER, BUYING + buy, mean_confidence(buy, par), par[MIN_MEAN])
    else:
        write_decision(out, HOLD, BUYING + buy, mean_confidence(buy, par), par[MIN_MEAN])


def _named(mask: int) -> str:
    names = [name for bit, name in enumerate(VOTES) if mask >> bit & 1]
    return ", ".join(names) if names else "none"


def _texts() -> dict[int, str]:
    votes = "votes to {side}: {names}; mean {{seen:.2f}}, more than {{limit:g}} is needed"
    sides = ((BUYING, "buy"), (SELLING, "sell"))
    return {
        code + mask: votes.format(side=side, names=_named(mask))
        for code, side in sides
        for mask in range(_MASKS)
    }


def _confidence(name: str, default: float, sign: str) -> Parameter:
    return Parameter(name, "float", default, 0.0, 1.0, help=f"confidence of the vote: {sign}")


class Combined(Strategy):
    """Enter on votes to buy, leave on the mirrored votes."""

    name = "combined"
    summary = "Buy on weighted votes of RSI, band, MACD, volume and EMA; sell on mirrored votes."
    own = (
        Parameter("rsi_low", "float", 35.0, 1.0, 50.0, help="buy below, sell above 100 less this"),
        _confidence("vote_rsi", 0.6, "RSI low"),
        _confidence("vote_band", 0.6, "the low touches the lower band"),
        _confidence("vote_macd", 0.7, "MACD golden cross"),
        _confidence("vote_volume", 0.5, "volume of volume_factor means (on both sides)"),
        _confidence("vote_trend", 0.4, "close above the EMA"),
        Parameter("min_votes", "int", 2, 1, 5, help="least number of votes"),
        Parameter("min_mean", "float", 0.5, 0.0, 1.0, help="mean confidence must be above"),
        least_volume(1.5),
        RSI,
        *BANDS,
        MEAN_VOLUME,
        ema(50),
    )
    step = staticmethod(combined_step)
    reasons: ClassVar[Mapping[int, str]] = _texts()

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of RSI, MACD, mean, last difference, and both windows."""
        fixed = rsi_size() + macd_size() + ema_size() + 1
        windows = bollinger_size(int(params["band_span"])) + sma_size(int(params["volume_span"]))
        return fixed + windows

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the longest memory; the MACD needs one more candle for its last difference."""
        return max(
            macd_warmup(SLOW, SIGNAL) + 1,
            wilder_warmup(int(params["rsi_span"])),
            ema_warmup(int(params["mean_span"])),
            int(params["band_span"]),
            int(params["volume_span"]),
        )
