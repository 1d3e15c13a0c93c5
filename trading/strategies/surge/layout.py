"""Layout of what the surge kernels share: parameters, states and the bits of the conditions."""

from __future__ import annotations

from collections.abc import Mapping

from trading.candles import DAY_MS, HOUR_MS
from trading.indicators.windows import moments_size
from trading.jit.kernel import Buffer, kernel
from trading.strategies.layout import OWN
from trading.strategies.parameters import Parameter

M3_MS = 180_000
M15_MS = 900_000
TIMEFRAMES = (DAY_MS, HOUR_MS, M15_MS, M3_MS)
"""Timeframes of all conditions but the 1m set, the longest first."""

SWITCH = ("off", "on")


def _span(name: str, default: int, help_: str) -> Parameter:
    return Parameter(name, "int", default, 2, 1000, help=help_)


def _bars(name: str, default: int, what: str) -> Parameter:
    return Parameter(name, "int", default, 1, 1000, help=f"candles within which {what}")


def _share(name: str, default: float, help_: str) -> Parameter:
    return Parameter(name, "float", default, 0.0, 1.0, help=help_)


def _switch(name: str, default: str, help_: str) -> Parameter:
    return Parameter(name, "choice", default, choices=SWITCH, help=help_)


PARAMETERS: tuple[Parameter, ...] = (
    _span("short_span", 5, "candles of the short mean (MA5)"),
    _span("quick_span", 20, "candles of the quick mean (MA20)"),
    _span("middle_span", 80, "candles of the middle mean (MA80)"),
    _span("long_span", 480, "candles of the long mean and band (MA480, BB480)"),
    _span("band_span", 200, "candles of the shorter band (BB200)"),
    Parameter("band_width", "float", 2.0, 0.1, 5.0, help="deviations of the upper BB200"),
    Parameter("long_band_width", "float", 1.5, 0.1, 5.0, help="deviations of the upper BB480"),
    Parameter("m1_needed", "int", 6, 0, 7, help="conditions that the 1m set needs, of 7"),
    _bars("m1_trend_bars", 150, "MA80 crossed above MA480 on 1m"),
    _share("m1_spread", 0.005, "least distance of MA80 from MA480 on 1m"),
    _bars("m1_band_bars", 150, "BB200 crossed above BB480 on 1m"),
    _share("m1_band_spread", 0.03, "or their largest distance on 1m"),
    _bars("m1_pullback_bars", 20, "MA20 crossed below MA80 on 1m"),
    _bars("m1_entry_bars", 5, "MA5 crossed above MA20 on 1m (entry point)"),
    _switch("m1_entry_down", "on", "the entry point is a falling candle"),
    _share("daily_rise", 0.15, "least rise of a daily candle, open to close"),
    _bars("daily_bars", 30, "there was such a daily candle (days)"),
    _bars("m1_compound_bars", 5, "MA5 crossed above MA20 on 1m (compound)"),
    _switch("m1_compound_down", "on", "the compound condition wants a falling candle"),
    Parameter("m3_needed", "int", 5, 0, 5, help="conditions that the 3m set needs, of 5"),
    _bars("m3_trend_bars", 150, "MA80 crossed above MA480 on 3m"),
    _bars("m3_band_bars", 150, "BB200 crossed above BB480 on 3m"),
    _share("m3_band_spread", 0.02, "or their largest distance on 3m"),
    _bars("m3_pullback_bars", 20, "MA20 crossed below MA80 on 3m"),
    _share("m3_near", 0.02, "largest distance of MA5 from MA480 on 3m, unless above"),
    _bars("m3_entry_bars", 5, "MA5 crossed above MA20 on 3m"),
    _switch("m3_filter", "off", "the 3m set also needs an MA80 near MA480"),
    _bars("m3_filter_bars", 60, "MA80 was at most m3_filter_below under MA480 on 3m"),
    _share("m3_filter_below", 0.10, "largest distance of MA80 below MA480 on 3m"),
    Parameter("m15_needed", "int", 3, 0, 4, help="conditions that the 15m set needs, of 4"),
    _bars("m15_trend_bars", 150, "MA80 crossed above MA480 on 15m"),
    _share("m15_trend_spread", 0.05, "or the largest distance of MA80 below MA480 on 15m"),
    _share("m15_near", 0.02, "largest distance of MA5 from MA480 on 15m, unless above"),
    _bars("m15_band_bars", 150, "BB200 crossed above BB480 on 15m"),
    Parameter("m15_falls", "int", 2, 1, 20, help="falls of MA20 in a row on 15m, at least"),
    _switch("scan", "on", "an entry needs a symbol that the 1h scan finds"),
    Parameter("scan_candles", "int", 4, 1, 24, help="last candles of 1h that the scan looks at"),
    _share("scan_thrust", 0.03, "least rise of the high of one of them over its open"),
    Parameter("scan_volume", "float", 1.5, 0.0, 20.0, help="their least mean volume, in norms"),
    Parameter("scan_norm", "int", 20, 1, 200, help="candles of 1h before them: the norm"),
    Parameter("scan_ups", "int", 2, 0, 24, help="rising candles among them, at least"),
    _switch("technical_exit", "on", "leave when MA5 is below MA20 on 3m"),
)

PLACE: Mapping[str, int] = {p.name: OWN + place for place, p in enumerate(PARAMETERS)}
"""Place of each parameter in the buffer; the length of a signal candle (ms) follows them."""

SHORT_SPAN = PLACE["short_span"]
QUICK_SPAN = PLACE["quick_span"]
MIDDLE_SPAN = PLACE["middle_span"]
LONG_SPAN = PLACE["long_span"]
BAND_SPAN = PLACE["band_span"]
BAND_WIDTH = PLACE["band_width"]
LONG_BAND_WIDTH = PLACE["long_band_width"]
M1_NEEDED = PLACE["m1_needed"]
M1_TREND_BARS = PLACE["m1_trend_bars"]
M1_SPREAD = PLACE["m1_spread"]
M1_BAND_BARS = PLACE["m1_band_bars"]
M1_BAND_SPREAD = PLACE["m1_band_spread"]
M1_PULLBACK_BARS = PLACE["m1_pullback_bars"]
M1_ENTRY_BARS = PLACE["m1_entry_bars"]
M1_ENTRY_DOWN = PLACE["m1_entry_down"]
DAILY_RISE = PLACE["daily_rise"]
DAILY_BARS = PLACE["daily_bars"]
M1_COMPOUND_BARS = PLACE["m1_compound_bars"]
M1_COMPOUND_DOWN = PLACE["m1_compound_down"]
M3_NEEDED = PLACE["m3_needed"]
M3_TREND_BARS = PLACE["m3_trend_bars"]
M3_BAND_BARS = PLACE["m3_band_bars"]
M3_BAND_SPREAD = PLACE["m3_band_spread"]
M3_PULLBACK_BARS = PLACE["m3_pullback_bars"]
M3_NEAR = PLACE["m3_near"]
M3_ENTRY_BARS = PLACE["m3_entry_bars"]
M3_FILTER = PLACE["m3_filter"]
M3_FILTER_BARS = PLACE["m3_filter_bars"]
M3_FILTER_BELOW = PLACE["m3_filter_below"]
M15_NEEDED = PLACE["m15_needed"]
M15_TREND_BARS = PLACE["m15_trend_bars"]
M15_TREND_SPREAD = PLACE["m15_trend_spread"]
M15_NEAR = PLACE["m15_near"]
M15_BAND_BARS = PLACE["m15_band_bars"]
M15_FALLS = PLACE["m15_falls"]
SCAN = PLACE["scan"]
SCAN_CANDLES = PLACE["scan_candles"]
SCAN_THRUST = PLACE["scan_thrust"]
SCAN_VOLUME = PLACE["scan_volume"]
SCAN_NORM = PLACE["scan_norm"]
SCAN_UPS = PLACE["scan_ups"]
TECHNICAL_EXIT = PLACE["technical_exit"]
SIGNAL_MS = OWN + len(PARAMETERS)
M1_AT = SIGNAL_MS + 1  # where the state of the 1m set begins
SET_SIZE = SIGNAL_MS + 2

MOST_BARS = 1000
"""Candles after which a cross is forgotten: the largest bound of the parameters."""

# A cross: the last difference, whether it is known, candles since it rose above 0 and since it
# fell below 0 (1 on the candle itself, 0 for never).
BEFORE = 0
KNOWN = 1
SINCE_UP = 2
SINCE_DOWN = 3
CROSS = 4

# State of one timeframe: the values after its last closed candle, then its windows.
SHORT = 0
QUICK = 1
MIDDLE = 2
LONG = 3
BAND = 4  # upper bands
LONG_BAND = 5
ENTRY_CROSS = 6  # MA5 and MA20
PULLBACK_CROSS = ENTRY_CROSS + CROSS  # MA20 and MA80
TREND_CROSS = PULLBACK_CROSS + CROSS  # MA80 and MA480
BAND_CROSS = TREND_CROSS + CROSS
FALLS = BAND_CROSS + CROSS  # of MA20, in a row
NEAR = FALLS + 1  # candles since MA80 was near MA480 or above
MET = NEAR + 1  # bits of the conditions of the set
WINDOWS = MET + 1

# State of the strategy: daily, scan (with its windows), 1m, 3m, 15m.
DAILY_SINCE = 0
SCAN_MET = 2
SETS = 3

# First bit of each part's conditions; then one bit for each part whose history is long enough.
M1_BITS = 0
M3_BITS = 7
M15_BITS = 13
SCAN_BITS = 17
WARM_BITS = 21


@kernel
def set_size(par: Buffer) -> int:
    """Return the size of the state of one timeframe."""
    means = moments_size(int(par[SHORT_SPAN])) + moments_size(int(par[QUICK_SPAN]))
    means += moments_size(int(par[MIDDLE_SPAN])) + moments_size(int(par[LONG_SPAN]))
    return WINDOWS + means + moments_size(int(par[BAND_SPAN]))


@kernel
def scan_size(par: Buffer) -> int:
    """Return the size of the state of the scan: count, ring of open, high, close and volume."""
    return 1 + 4 * int(par[SCAN_CANDLES] + par[SCAN_NORM])
