"""A strategy sees only closed candles of further timeframes."""

from __future__ import annotations

from collections.abc import Mapping

from trading.candles import HOUR_MS, MINUTE_MS, Candle
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.strategies.base import Strategy
from trading.strategies.decider import Decider, Decision
from trading.strategies.layout import ACTION, HOLD, REASON, SEEN, STOP_PRICE
from trading.strategies.parameters import Value

QUARTER = 900_000
START = 1_000 * HOUR_MS

Row = tuple[float, float, float, float]


def decide_rows(made: Decider, rows: list[Row]) -> list[Decision]:
    step = made.setup.base_ms
    return [made.on_candle(Candle(START + i * step, *row)) for i, row in enumerate(rows)]


@kernel
def last_seen_step(
    state: Buffer,
    par: Buffer,  # noqa: ARG001 - every step has the same arguments
    out: Buffer,
    bar: Bar,
) -> None:
    """Report on each minute the last closed quarter and hour."""
    if bar.length == QUARTER:
        state[0] = bar.close
    elif bar.length == HOUR_MS:
        state[1] = bar.close
    else:
        out[ACTION] = HOLD
        out[REASON] = 1.0
        out[SEEN] = state[0]
        out[STOP_PRICE] = state[1]


class LastSeen(Strategy):
    """Reports the last closes of two higher timeframes."""

    name = "last_seen"
    summary = "The last closes."
    defaults: Mapping[str, Value] = {"signal_tf": "1m", "filters": "off"}
    reasons: Mapping[int, str] = {1: "{seen:g}"}
    step = staticmethod(last_seen_step)

    def state_size(self, params: Mapping[str, Value]) -> int:  # noqa: ARG002
        return 2

    def warmup(self, params: Mapping[str, Value]) -> int:  # noqa: ARG002
        return 1

    def more_tfs(self, params: Mapping[str, Value]) -> Mapping[int, int]:  # noqa: ARG002
        return {HOUR_MS: 1, QUARTER: 1}


def test_a_higher_candle_is_used_only_once_it_has_closed():
    made = Decider(LastSeen(), {}, MINUTE_MS)
    decisions = decide_rows(made, [(1.0, 1.0, 1.0, i + 1.0) for i in range(75)])
    quarters = [decision.values.get("seen") for decision in decisions]
    assert quarters[:14] == [0.0] * 14
    # The quarter closes with its last minute, and stays the last one until the next closes.
    assert quarters[14:29] == [15.0] * 15
    assert quarters[29:44] == [30.0] * 15
    hours = [decision.stop_price for decision in decisions]
    assert hours[:59] == [0.0] * 59
    assert hours[59:] == [60.0] * 16


def test_a_higher_candle_without_its_last_minute_is_used_with_the_next_one():
    made = Decider(LastSeen(), {}, MINUTE_MS)
    minutes = [-1, 12, 13, 16, 17]
    decisions = [made.on_candle(Candle(START + m * MINUTE_MS, 1, 1, 1, float(m))) for m in minutes]
    assert [decision.values["seen"] for decision in decisions] == [0.0, 0.0, 0.0, 13.0, 13.0]
