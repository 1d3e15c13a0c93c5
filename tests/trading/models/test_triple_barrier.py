"""A label is what the position's own lifecycle makes of an entry."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trading.engines import REVERSION, RULES, with_rules
from trading.candles import HOUR_MS, MINUTE_MS, CandleColumns
from trading.errors import ParameterError
from trading.models.triple_barrier import EntryOutcomes, label_entries, label_rows
from trading.positions.exit_rules import ExitRules
from trading.simulation import Costs, backtest
from trading.strategies.technical.rsi_bollinger import RsiBollinger

FREE = Costs(fee_bps=0.0)
BARRIERS = ExitRules(take_profit=0.01, stop_loss=0.02, time_exit_ms=4 * MINUTE_MS)


def candles(*rows: tuple[float, float, float, float]) -> CandleColumns:
    """Return minutes of (open, high, low, close)."""
    opened, high, low, close = (list(column) for column in zip(*rows, strict=True))
    times = [n * MINUTE_MS for n in range(len(rows))]
    return CandleColumns.of(times, opened, high, low, close)


def calm(price: float) -> tuple[float, float, float, float]:
    return (price, price, price, price)


def only(found: EntryOutcomes) -> tuple[str, float, int]:
    """Return the reason, the return and the minutes from decision to outcome of one label."""
    assert len(found) == 1
    held = int(found.known_at[0] - found.decided_at[0]) // MINUTE_MS
    return str(found.reason[0]), float(found.net_return[0]), held


@pytest.mark.parametrize("compiled", [False, True])
def test_the_barrier_that_is_met_first_is_the_label(compiled: bool) -> None:
    up = candles(calm(100), calm(100), (100, 101.5, 100, 101), calm(97), calm(97), calm(97))
    down = candles(calm(100), calm(100), (100, 100, 97, 97), calm(103), calm(103), calm(103))
    still = candles(*[calm(100)] * 5, calm(100.5), calm(100.5), calm(100.5))
    rows = np.array([0])
    for series, side, expected in (
        (up, 1, ("take_profit", 0.01, 2)),
        (down, 1, ("stop_loss", -0.02, 2)),
        (still, 1, ("time_exit", 0.0, 4)),
        (down, -1, ("take_profit", 0.01, 2)),
        (up, -1, ("take_profit", 0.01, 3)),
    ):
        reason, won, minutes = only(
            label_rows(series, rows, side, BARRIERS, FREE, compiled=compiled)
        )
        assert (reason, minutes) == (expected[0], expected[2])
        assert won == pytest.approx(expected[1], abs=1e-12)


def test_a_candle_that_holds_both_barriers_counts_as_the_stop() -> None:
    both = candles(calm(100), calm(100), (100, 102, 97, 100), calm(100))
    assert (
        only(label_rows(both, np.array([0]), 1, BARRIERS, FREE, compiled=False))[0] == "stop_loss"
    )


def test_an_entry_that_is_open_when_the_candles_end_has_no_label() -> None:
    series = candles(*[calm(100)] * 6)
    found = label_rows(series, np.array([0, 3]), 1, BARRIERS, FREE, compiled=False)
    assert found.decided_at.tolist() == [MINUTE_MS]


def test_costs_are_part_of_the_label() -> None:
    series = candles(calm(100), calm(100), (100, 101.5, 100, 101), calm(101))
    costs = Costs(fee_bps=5.0, slippage_bps=1.0, maker_fee_bps=5.0)
    won = only(label_rows(series, np.array([0]), 1, BARRIERS, costs, compiled=False))[1]
    assert won == pytest.approx(1.01 * (1 - 5e-4) / (1 + 5e-4) - 1, abs=1e-9)


@pytest.mark.parametrize("name", ["fixed", "trailing", "ladder, trailing", "time", "additions"])
@pytest.mark.parametrize("side", [1, -1])
def test_entries_that_the_back_test_takes_have_exactly_its_results(
    bitcoin: CandleColumns, name: str, side: int
) -> None:
    series = bitcoin.rows(0, 14 * 24 * 60)
    strategy = with_rules(RsiBollinger, RULES[name], side)
    costs = Costs(fee_bps=5.0, slippage_bps=1.0)
    trades = backtest(strategy, series, REVERSION, costs).trades
    found = label_entries(strategy, series, REVERSION, costs)
    taken = np.isin(found.decided_at - MINUTE_MS, trades.signal_time)
    done = trades.reason != "end_of_data"
    assert done.sum() > 5
    assert found.net_return[taken].tolist() == trades.net_return[done].tolist()
    assert found.reason[taken].tolist() == trades.reason[done].tolist()
    assert (found.known_at[taken] - MINUTE_MS).tolist() == trades.exit_time[done].tolist()
    assert (found.known_at > found.decided_at).all()
    assert (np.diff(found.decided_at) > 0).all()


def test_entries_that_an_open_position_lets_pass_are_labelled_as_if_alone(
    bitcoin: CandleColumns,
) -> None:
    series = bitcoin.rows(0, 3 * 24 * 60)
    exits = ExitRules(take_profit=0.004, stop_loss=0.003, time_exit_ms=HOUR_MS)
    rows = np.arange(0, 2 * 24 * 60, 15)
    together = label_rows(series, rows, 1, exits, Costs())
    assert len(together) == len(rows)
    for place in (0, 1, 2, 50, 100):
        alone = label_rows(series, rows[place : place + 1], 1, exits, Costs())
        assert alone.net_return[0] == together.net_return[place]
        assert alone.known_at[0] == together.known_at[place]


def test_a_label_changes_with_no_candle_after_it_is_known(bitcoin: CandleColumns) -> None:
    exits = ExitRules(take_profit=0.003, stop_loss=0.003, time_exit_ms=HOUR_MS)
    rows = np.arange(0, 1440, 60)
    whole = label_rows(bitcoin.rows(0, 3000), rows, 1, exits, Costs())
    for end in (300, 700, 1111, 1440):
        cut = label_rows(bitcoin.rows(0, end), rows[rows < end], 1, exits, Costs())
        known = whole.known_at <= bitcoin.open_time[end - 1] + MINUTE_MS
        # The last candle may end a position as the end of the data instead.
        sure = whole.known_at < bitcoin.open_time[end - 1] + MINUTE_MS
        assert set(whole.decided_at[sure]) <= set(cut.decided_at) <= set(whole.decided_at[known])
        same = np.isin(whole.decided_at, cut.decided_at)
        assert cut.net_return.tolist() == whole.net_return[same].tolist()


def test_rows_that_are_not_in_order_are_refused() -> None:
    series = candles(*[calm(100)] * 4)
    with pytest.raises(ParameterError, match="must ascend"):
        label_rows(series, np.array([2, 1]), 1, BARRIERS, FREE, compiled=False)
    with pytest.raises(ParameterError, match="is no side"):
        label_rows(series, np.array([1]), 0, BARRIERS, FREE, compiled=False)
    with pytest.raises(ParameterError, match="2 ATRs do not belong to 1 rows"):
        label_rows(series, np.array([1]), 1, BARRIERS, FREE, atrs=np.ones(2), compiled=False)
