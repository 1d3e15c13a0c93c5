"""The trading mode: what it stops, what lifts it, and what an operator cannot lift."""

from __future__ import annotations

from executor.risk.trading_state import BY_OPERATOR, TradingMode, TradingState
from trading.order_ids import OrderLeg


def test_entries_need_the_running_mode_and_no_block() -> None:
    state = TradingState()
    assert (state.entries, state.why) == (True, "")
    state.block("margin", "margin is short")
    assert (state.entries, state.why) == (False, "margin is short")
    state.mode = TradingMode.REDUCE_ONLY
    assert state.why == "halt mode reduce-only; margin is short"
    halted = TradingState(TradingMode.ENTRIES_OFF)
    assert (halted.entries, halted.why) == (False, "halt mode entries-off")


def test_resume_lifts_the_mode_and_what_an_operator_may_lift() -> None:
    state = TradingState(TradingMode.FLATTEN)
    for name in ("margin", "stopping", "permissions", "lease"):
        state.block(name, name)
    state.resume()
    assert state.mode is TradingMode.RUNNING
    assert set(state.blocks) == {"stopping", "permissions", "lease"}


def test_only_a_freeze_holds_closes_back_and_not_those_of_emergencies() -> None:
    for mode in TradingMode:
        state = TradingState(mode)
        frozen = mode is TradingMode.FREEZE
        assert state.may_close("strategy_exit", OrderLeg.EXIT) is not frozen
        assert state.may_close("stop_loss", OrderLeg.EMERGENCY)
        assert state.may_close(BY_OPERATOR, OrderLeg.EXIT)
