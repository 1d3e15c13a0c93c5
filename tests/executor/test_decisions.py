"""The pure parts: risk, protection, retries, error codes, fill totals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from executor.execution.retry_policy import RetryDecision, RetryStep, after_fault, query_deadline_s
from executor.model import Instrument, NewOrder, OrderKind, OrderState, VenueFill, VenueOrder
from executor.portfolio.fill_totals import total_fills
from executor.protection.stop_plan import crossed, desired_orders, plan_stops
from executor.risk.pre_trade import AccountState, EntryRequest, check_entry, daily_loss
from executor.settings import RiskSettings
from executor.strategy.signal_engine import hold_kind
from executor.venues.binance.error_codes import classify
from executor.venues.faults import (
    Banned,
    ClockDrift,
    InsufficientMargin,
    InvalidKey,
    NothingToReduce,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Temporary,
    VenueFaultError,
    WouldTrigger,
)
from tests.executor.fakes import BTCUSDT
from trading.order_ids import order_id
from trading.positions.position import ExitRules, Position

BTC = Instrument(
    BTCUSDT,
    tick=Decimal("0.10"),
    step=Decimal("0.001"),
    min_quantity=Decimal("0.001"),
    max_quantity=Decimal(120),
    min_notional=Decimal(100),
)
REQUEST = EntryRequest(
    symbol=BTCUSDT,
    strategy="breakout",
    side=1,
    price=50_000.0,
    last_price=50_000.0,
    max_position_size=0.2,
    stop_price=49_000.0,
)
ACCOUNT = AccountState(
    wallet=Decimal(10_000),
    available=Decimal(10_000),
    equity=Decimal(10_000),
    day_equity=Decimal(10_000),
    day_baseline=Decimal(10_000),
    owner=None,
    open_positions=0,
    orders_last_minute=0,
    candles_seen=3,
    stream_fresh=True,
    entries_on=True,
    release_valid=True,
    halted=None,
    leverage=5,
)
LIMITS = RiskSettings()


def test_an_entry_takes_its_part_of_the_free_balance_in_whole_steps() -> None:
    verdict = check_entry(REQUEST, ACCOUNT, LIMITS, BTC)
    assert verdict.allowed
    assert verdict.quantity == Decimal("0.020")  # 10 % of 10 000 at 50 000


def test_an_entry_never_exceeds_the_part_of_equity_that_the_release_allows() -> None:
    small = replace(REQUEST, max_position_size=0.05)
    assert check_entry(small, ACCOUNT, LIMITS, BTC).quantity == Decimal("0.010")


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ({"owner": "rsi_bollinger"}, "held by rsi_bollinger"),
        ({"halted": "foreign position"}, "symbol halted: foreign position"),
        ({"entries_on": False}, "entries are off"),
        ({"release_valid": False}, "release expired: reduce only"),
        ({"stream_fresh": False}, "market stream is stale"),
        ({"candles_seen": 2}, "warming up: 2 of 3 closed candles seen"),
        ({"open_positions": 5}, "5 positions open, at most 5"),
        ({"day_equity": Decimal(9_400)}, "daily loss 6.00% reached the limit 6.00%"),
        ({"orders_last_minute": 60}, "60 orders in the last minute"),
        ({"available": Decimal(900)}, "size 50.000 is below the minimum 100.00"),
    ],
)
def test_each_limit_refuses_an_entry_with_its_reason(
    account: dict[str, object], reason: str
) -> None:
    verdict = check_entry(REQUEST, replace(ACCOUNT, **account), LIMITS, BTC)  # type: ignore[arg-type]
    assert not verdict.allowed
    assert verdict.quantity == 0
    assert [text.replace("50.00 ", "50.000 ") for text in verdict.reasons] == [reason]


def test_all_violated_limits_are_named() -> None:
    verdict = check_entry(
        replace(REQUEST, stop_price=None, last_price=51_000.0),
        replace(ACCOUNT, entries_on=False),
        LIMITS,
        BTC,
    )
    assert verdict.reasons == (
        "entries are off",
        "no stop: the parameters give no protective price",
        "price moved 2.00% since the decision",
    )


def test_a_gain_is_no_daily_loss() -> None:
    assert daily_loss(Decimal(11_000), Decimal(10_000)) == 0
    assert daily_loss(Decimal(9_500), Decimal(10_000)) == Decimal("0.05")


RULES = ExitRules(take_profit=0.05, stop_loss=0.02, emergency_stop=0.04)
LONG = Position(1, 50_000.0, 0.02, 0, RULES)


def protective(leg: str, kind: str, price: str, n: int = 0) -> VenueOrder:
    return VenueOrder(
        client_id=order_id("abcdefgh", "test", "breakout", BTCUSDT, 0, leg, n),
        exchange_id="1",
        symbol=BTCUSDT,
        side="SELL",
        kind=kind,
        status=OrderState.ACCEPTED,
        trigger_price=Decimal(price),
        close_position=True,
        conditional=True,
    )


STOP = protective("sl", "STOP_MARKET", "49000.0")
TARGET = protective("tp", "TAKE_PROFIT_MARKET", "52500.0")


def test_a_position_wants_its_stop_and_its_target_on_the_tick() -> None:
    stop, target = desired_orders(LONG, BTC)
    assert (stop.kind, stop.side, stop.trigger_price) == ("STOP_MARKET", "SELL", Decimal("49000.0"))
    assert (target.kind, target.trigger_price) == ("TAKE_PROFIT_MARKET", Decimal("52500.0"))


def test_the_nearer_of_stop_and_emergency_stop_rests() -> None:
    wide = Position(1, 50_000.0, 0.02, 0, ExitRules(stop_loss=0.05, emergency_stop=0.04))
    assert [order.trigger_price for order in desired_orders(wide, BTC)] == [Decimal("48000.0")]


def test_nothing_is_done_when_everything_rests() -> None:
    assert plan_stops(desired_orders(LONG, BTC), [STOP, TARGET]).done


def test_a_missing_stop_is_placed_and_a_wrong_one_cancelled() -> None:
    wrong = protective("sl", "STOP_MARKET", "48000.0")
    todo = plan_stops(desired_orders(LONG, BTC), [wrong, TARGET])
    assert [order.leg for order in todo.place] == ["sl"]
    assert todo.cancel == (wrong,)


def test_a_second_stop_of_the_same_price_is_cancelled() -> None:
    second = protective("sl", "STOP_MARKET", "49000.0", n=1)
    assert plan_stops(desired_orders(LONG, BTC), [STOP, second, TARGET]).cancel == (second,)


def test_orders_of_others_are_left_alone() -> None:
    foreign = replace(STOP, client_id="web_12345")
    todo = plan_stops(desired_orders(LONG, BTC), [foreign, STOP, TARGET])
    assert todo.done


def test_a_stop_is_crossed_from_above_and_a_target_from_below() -> None:
    assert crossed(STOP, 1, 49_000.0)
    assert not crossed(STOP, 1, 49_000.1)
    assert crossed(TARGET, 1, 52_500.0)
    assert not crossed(TARGET, 1, 52_499.9)


def fill(trade: str, side: str, price: str, quantity: str, pnl: str = "0") -> VenueFill:
    return VenueFill(
        BTCUSDT,
        trade,
        "1",
        side,
        Decimal(price),
        Decimal(quantity),
        Decimal("0.5"),
        "USDT",
        Decimal(pnl),
        int(trade),
        fee_quote=Decimal("0.5"),
    )


def test_a_position_is_the_sum_of_its_trades() -> None:
    sums = total_fills(1, [fill("1", "BUY", "100", "1"), fill("2", "BUY", "110", "3")])
    assert (sums.quantity, sums.entry_price, sums.opened_at) == (Decimal(4), 107.5, 1)
    assert not sums.flat


def test_a_position_is_flat_when_all_that_was_entered_is_closed() -> None:
    sums = total_fills(-1, [fill("1", "SELL", "100", "2"), fill("2", "BUY", "90", "2", "20")])
    assert sums.flat
    assert (sums.exit_price, sums.realized_pnl, sums.fees) == (90.0, Decimal(20), Decimal("1.0"))


def test_no_trades_are_no_flat_position() -> None:
    assert not total_fills(1, []).flat


ENTRY = NewOrder("a", BTCUSDT, "BUY", OrderKind.MARKET, Decimal(1))
CLOSE = replace(ENTRY, side="SELL", reduce_only=True, exits=True)


@pytest.mark.parametrize(
    ("fault", "order", "attempts", "expected"),
    [
        (OutcomeUnknown("lost"), ENTRY, 1, RetryDecision(RetryStep.QUERY)),
        (OutcomeUnknown("lost"), CLOSE, 1, RetryDecision(RetryStep.QUERY)),
        (Temporary("busy"), ENTRY, 1, RetryDecision(RetryStep.RETRY, 1.0)),
        (Temporary("busy"), ENTRY, 2, RetryDecision(RetryStep.RETRY, 2.0)),
        (Temporary("busy"), ENTRY, 3, RetryDecision(RetryStep.RETRY, 5.0)),
        (Temporary("busy"), ENTRY, 4, RetryDecision(RetryStep.FAIL)),
        (InsufficientMargin("margin"), ENTRY, 1, RetryDecision(RetryStep.FAIL)),
        (WouldTrigger("crossed"), CLOSE, 1, RetryDecision(RetryStep.CLOSE_NOW)),
        (NothingToReduce("flat"), CLOSE, 1, RetryDecision(RetryStep.FLAT)),
        (NothingToReduce("flat"), ENTRY, 1, RetryDecision(RetryStep.FAIL)),
        (RateLimited("limit", 7.0), ENTRY, 1, RetryDecision(RetryStep.FAIL)),
        (RateLimited("limit", 7.0), CLOSE, 1, RetryDecision(RetryStep.RETRY, 1.0)),
        (RateLimited("limit", 7.0), CLOSE, 3, RetryDecision(RetryStep.RETRY, 7.0)),
        (Banned("ban", 120.0), CLOSE, 1, RetryDecision(RetryStep.FAIL)),
    ],
)
def test_what_follows_a_fault(
    fault: VenueFaultError, order: NewOrder, attempts: int, expected: RetryDecision
) -> None:
    assert after_fault(fault, order, attempts) == expected


def test_an_unknown_entry_is_queried_until_it_can_no_longer_be_accepted() -> None:
    assert query_deadline_s(ENTRY, recv_window_ms=5_000) == 15.0
    assert query_deadline_s(CLOSE, recv_window_ms=5_000) < 2.0


def code(number: int, text: str = "x") -> str:
    return f'{{"code":{number},"msg":"{text}"}}'


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, code(-1003), RateLimited),
        (418, code(-1003), Banned),
        (400, code(-1021), ClockDrift),
        (503, code(-1008), Temporary),
        (408, "", OutcomeUnknown),
        (400, code(-1006), OutcomeUnknown),
        (200, code(-1007), OutcomeUnknown),
        (503, code(-1, "Service Unavailable."), Temporary),
        (
            503,
            code(-1, "OutcomeUnknown error, please check your request or try again later."),
            OutcomeUnknown,
        ),
        (502, "<html>bad gateway</html>", OutcomeUnknown),
        (500, code(-1000), OutcomeUnknown),
        (400, "not json", OutcomeUnknown),
        (400, code(-2019), InsufficientMargin),
        (400, code(-4164), Rejected),
        (400, code(-2015), InvalidKey),
    ],
)
def test_answers_are_classified_by_code_status_and_text(
    status: int, body: str, kind: type[VenueFaultError]
) -> None:
    fault = classify(status, {}, body)
    assert type(fault) is kind
    assert f"HTTP {status}" in str(fault)


def test_retry_after_is_taken_from_the_header_and_else_from_the_defaults() -> None:
    by_header = classify(429, {"retry-after": "7"}, code(-1003))
    by_default = classify(429, {}, code(-1003))
    ban = classify(418, {"Retry-After": "nonsense"}, code(-1003))
    assert isinstance(by_header, RateLimited)
    assert isinstance(by_default, RateLimited)
    assert isinstance(ban, Banned)
    assert (by_header.retry_after_s, by_default.retry_after_s, ban.retry_after_s) == (
        7.0,
        60.0,
        120.0,
    )


def test_quantities_are_cut_to_steps_and_prices_set_on_ticks() -> None:
    assert BTC.floor_quantity(Decimal("0.0199")) == Decimal("0.019")
    assert BTC.floor_quantity(Decimal(500)) == Decimal(120)
    assert BTC.round_price(49_000.04) == Decimal("49000.0")
    assert BTC.round_price(49_000.04, up=True) == Decimal("49000.1")


def test_holds_with_other_numbers_are_one_kind() -> None:
    assert hold_kind("entry held: ADX 17.2 < 20") == hold_kind("entry held: ADX 18.1 < 20")
    assert hold_kind("entry held: ADX 17.2 < 20") != hold_kind("entry held: ATR 0.1 % < 0.8 %")
