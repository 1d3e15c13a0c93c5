"""Surge (long): buy the pullback in a strong rise, average down twice, sell in stages.

An entry needs a symbol that the hourly scan finds, the 1-minute set or the 3-minute set, and the
15-minute set; see :mod:`trading.strategies.surge.conditions`. Only closed candles
count. The position lifecycle manages the position afterwards, as the parameters say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trading.candles import DAY_MS, HOUR_MS
from trading.indicators.comparison import above
from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Bar
from trading.positions.sizing import Sizing
from trading.strategies.base import Strategy
from trading.strategies.decisions import write_decision
from trading.strategies.layout import ENTER, EXIT, HOLD, OWN
from trading.strategies.parameters import Parameter, Value
from trading.strategies.surge.conditions import (
    follow,
    m1_conditions,
    m3_conditions,
    m15_conditions,
    one_later,
)
from trading.strategies.surge.layout import (
    DAILY_RISE,
    DAILY_SINCE,
    LONG,
    M1_AT,
    M1_NEEDED,
    M3_BITS,
    M3_MS,
    M3_NEEDED,
    M15_BITS,
    M15_MS,
    M15_NEEDED,
    MET,
    PARAMETERS,
    QUICK,
    SCAN,
    SCAN_BITS,
    SCAN_MET,
    SET_SIZE,
    SETS,
    SHORT,
    SIGNAL_MS,
    TECHNICAL_EXIT,
    TIMEFRAMES,
    WARM_BITS,
    scan_size,
    set_size,
)
from trading.strategies.surge.reasons import all_parts_text
from trading.strategies.surge.scan import KNOWN, scan_step
from trading.strategies.surge.sizing import MONEY, SurgeSizing

ENTERED = 1
HELD = 2
LEFT = 3

SCANNED = 4  # conditions of the scan
M3_ALL = 5  # conditions of the 3m set; the bit after them tells that its filter passes


@kernel
def all_set(met: int, first: int, count: int) -> bool:
    """Return whether all of ``count`` bits from ``first`` on are set."""
    return (met >> first) % (1 << count) == (1 << count) - 1


@kernel
def bits_set(met: int, first: int, count: int) -> int:
    """Return how many of ``count`` bits from ``first`` on are set."""
    found = 0
    for bit in range(first, first + count):
        found += met >> bit & 1
    return found


@kernel
def daily_step(state: Buffer, par: Buffer, first: float, close: float) -> None:
    """Feed one closed daily candle."""
    state[DAILY_SINCE] = one_later(state[DAILY_SINCE])
    if not above(first * (1.0 + par[DAILY_RISE]), close):
        state[DAILY_SINCE] = 1.0


@kernel
def is_entry(met: int, par: Buffer) -> bool:
    """Return whether the conditions suffice for an entry; what is rarest is looked at first."""
    if par[SCAN] > 0.0 and not all_set(met, SCAN_BITS, SCANNED):
        return False
    if bits_set(met, M15_BITS, 4) < par[M15_NEEDED]:
        return False
    passes = all_set(met, M3_BITS + M3_ALL, 1)
    m3 = passes and bits_set(met, M3_BITS, M3_ALL) >= par[M3_NEEDED]
    return m3 or bits_set(met, 0, 7) >= par[M1_NEEDED]


@apart
def decide_surge(
    state: Buffer, par: Buffer, out: Buffer, m1: int, m3: int, m15: int, bar: Bar
) -> None:
    """Combine the sets into a decision.

    An entry goes before the technical exit: it lasts one candle, the exit as long as the means
    stay crossed.
    """
    first, close = bar.open, bar.close
    scan = int(state[SCAN_MET])
    met = m1_conditions(state, m1, par, state[DAILY_SINCE], first, close)
    met += int(state[m3 + MET]) << M3_BITS
    met += int(state[m15 + MET]) << M15_BITS
    met += scan % KNOWN << SCAN_BITS
    warm = 1 if state[m1 + LONG] > 0.0 else 0
    warm += 2 if state[m3 + LONG] > 0.0 else 0
    warm += 4 if state[m15 + LONG] > 0.0 else 0
    warm += 8 if scan >= KNOWN else 0
    met += warm << WARM_BITS
    if is_entry(met, par):
        write_decision(out, ENTER, ENTERED, float(met), close)
    elif par[TECHNICAL_EXIT] > 0.0 and above(state[m3 + QUICK], state[m3 + SHORT]):
        write_decision(out, EXIT, LEFT, state[m3 + SHORT], state[m3 + QUICK])
    else:
        write_decision(out, HOLD, HELD, float(met), close)


@kernel
def surge_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Feed one closed candle of any timeframe; decide on those of ``signal_tf``.

    A signal candle of 3m, 15m, 1h or 1d also feeds its own set.
    """
    turn = bar.open_time // bar.length
    size = int(par[SET_SIZE])
    m1 = int(par[M1_AT])
    m3 = m1 + size
    m15 = m3 + size
    if bar.length == M3_MS:
        follow(state, m3, par, turn, bar.close)
        state[m3 + MET] = float(m3_conditions(state, m3, par))
    elif bar.length == M15_MS:
        follow(state, m15, par, turn, bar.close)
        state[m15 + MET] = float(m15_conditions(state, m15, par))
    elif bar.length == HOUR_MS:
        state[SCAN_MET] = float(scan_step(state, SETS, par, bar))
    elif bar.length == DAY_MS:
        daily_step(state, par, bar.open, bar.close)
    if bar.length == int(par[SIGNAL_MS]):
        follow(state, m1, par, turn, bar.close)
        decide_surge(state, par, out, m1, m3, m15, bar)


class Surge(Strategy):
    """Enter a surging symbol in its pullback; average at -3 % and -6 %, sell half at +10 %."""

    name = "surge"
    summary = "Buy pullbacks of surging symbols, average down twice, sell in stages."
    own: ClassVar[tuple[Parameter, ...]] = (*PARAMETERS, *MONEY)
    defaults: ClassVar[Mapping[str, Value]] = {
        "signal_tf": "1m",
        "filters": "off",
        "take_profit": 0.0,
        "stop_loss": 0.10,
        "emergency_stop": 0.12,
        "half_close": 0.10,
        "exit_after_half": "on",
        "leverage": 7.0,
        "max_position_size": 0.055,
        "add_first_at": 0.03,
        "add_first_weight": 4 / 3,
        "add_first_stop": 0.07,
        "add_second_at": 0.06,
        "add_second_weight": 4 / 3,
        "add_second_stop": 0.05,
    }
    always_guarded = True
    scanned = True
    step = staticmethod(surge_step)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered at {limit:.8g}: {parts}",
        HELD: "entry held: {parts}",
        LEFT: "out: 3m MA5 {seen:.8g} below MA20 {limit:.8g}",
    }

    def reason_text(self, code: int, seen: float, limit: float) -> str:
        """Return the text of a reason; an entry or a hold describes all parts."""
        if code == LEFT:
            return super().reason_text(code, seen, limit)
        return self.reasons[code].format(limit=limit, parts=all_parts_text(seen))

    def more_tfs(self, params: Mapping[str, Value]) -> Mapping[int, int]:
        """Return 1d, 1h, 15m and 3m, with the number of candles that their conditions need."""
        signal, needed = self.signal_tf(params), self._needed(params)
        return {length: needed[length] for length in TIMEFRAMES if length != signal}

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of daily candles, the scan, and the windows of three timeframes."""
        par = self.buffer(params)
        return int(par[M1_AT] + 3 * par[SET_SIZE])

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the windows of the 1m set plus its longest look back at a cross."""
        others = self._needed(params)
        return max(self._reach(params, "m1_"), others.get(self.signal_tf(params), 0))

    def _needed(self, params: Mapping[str, Value]) -> dict[int, int]:
        return {
            DAY_MS: int(params["daily_bars"]),
            HOUR_MS: int(params["scan_candles"]) + int(params["scan_norm"]),
            M15_MS: self._reach(params, "m15_"),
            M3_MS: self._reach(params, "m3_"),
        }

    def _reach(self, params: Mapping[str, Value], prefix: str) -> int:
        """Return the candles after which every cross that matters was seen, plus one."""
        bars = [p.name for p in PARAMETERS if p.name.endswith(("_bars", "_falls"))]
        longest = max(int(params[name]) for name in bars if name.startswith(prefix))
        return _windows(params) + longest + 1

    def buffer(self, params: Mapping[str, Value]) -> Buffer:
        """Return the numbers of the filters and conditions, the signal candle's ms, and places."""
        conditions = super().buffer(params)[: OWN + len(PARAMETERS)]
        m1_at, size = SETS + scan_size(conditions), set_size(conditions)
        return [*conditions, float(self.signal_tf(params)), float(m1_at), float(size)]

    def sizing(self, params: Mapping[str, Value]) -> Sizing:
        """Return the size of the entry, which leaves room for the additions."""
        return Sizing(SurgeSizing.of(params).stage_shares[0])

    def resolve(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Resolve as every strategy does, and refuse sizes that break the bounds."""
        params = super().resolve(values)
        SurgeSizing.of(params).check()
        return params


def _windows(params: Mapping[str, Value]) -> int:
    spans = ("short_span", "quick_span", "middle_span", "long_span", "band_span")
    return max(int(params[span]) for span in spans)
