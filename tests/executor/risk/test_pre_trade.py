"""Every limit before an entry and an addition: at the limit, and one step beyond it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from executor.model import Instrument, instrument_id
from executor.risk.pre_trade import (
    AccountState,
    AdditionRequest,
    EntryRequest,
    RiskVerdict,
    check_addition,
    check_entry,
    daily_loss,
)
from executor.settings import RiskSettings

BTC = instrument_id("BTCUSDT", "binance_usdm")
D = Decimal
INSTRUMENT = Instrument(BTC, D("0.1"), D("0.001"), D("0.001"), D(100), D(100))
LIMITS = RiskSettings(max_entries_per_day=4)
REQUEST = EntryRequest(BTC, "breakout", 1, 50_000.0, 50_000.0, 0.2, 49_000.0, 48_000.0, 52_000.0)
ACCOUNT = AccountState(
    wallet=D(10_000),
    available=D(10_000),
    equity=D(10_000),
    day_equity=D(10_000),
    day_baseline=D(10_000),
    owner=None,
    open_positions=4,
    orders_last_minute=59,
    candles_seen=3,
    stream_fresh=True,
    entries_on=True,
    release_valid=True,
    halted=None,
    leverage=5,
)


def entry(account: dict[str, object] | None = None, **request: object) -> RiskVerdict:
    return check_entry(
        replace(REQUEST, **request),  # type: ignore[arg-type]
        replace(ACCOUNT, **(account or {})),  # type: ignore[arg-type]
        LIMITS,
        INSTRUMENT,
    )


def test_an_entry_takes_a_tenth_of_the_free_balance() -> None:
    verdict = entry()
    assert (verdict.allowed, verdict.quantity, verdict.reasons) == (True, D("0.020"), ())
    risk = verdict.risk
    assert risk is not None
    assert (risk.risk_wanted, risk.bound_by) == (None, "balance_share")
    # 0.02 x 1,000 lost at the stop, and the fee of both fills: 0.05 % of 1,000 and of 980.
    assert risk.risk_taken == pytest.approx((20.0 + 0.5 + 0.49) / 10_000)


def test_evidence_is_named_where_it_made_the_entry_smaller() -> None:
    half = entry(size_share=0.5)
    assert half.quantity == D("0.010")
    assert half.risk is not None
    assert half.risk.bound_by == "evidence"


@pytest.mark.parametrize(("equity", "named"), [(10_000, ""), (100, "step"), (500, "step")])
def test_whole_steps_are_named_where_they_made_the_risk_smaller(equity: int, named: str) -> None:
    """At 50,000 and a stop 2 % away, 2 % of 100 are 0.00195 units, cut to one step of 0.001."""
    account = {name: D(equity) for name in ("wallet", "available", "equity", "day_equity")}
    instrument = replace(INSTRUMENT, min_notional=D(5))
    verdict = check_entry(
        replace(REQUEST, risk=0.02, max_position_size=1.0),
        replace(ACCOUNT, **account, day_baseline=D(equity)),
        LIMITS.model_copy(update={"min_trade_notional": D(0)}),
        instrument,
    )
    assert verdict.reasons == ()
    assert verdict.risk is not None
    assert verdict.risk.bound_by == named
    assert (verdict.risk.risk_taken >= 0.95 * 0.02) is (named == "")


AT_THE_LIMIT: list[tuple[dict[str, object], dict[str, object]]] = [
    ({}, {"age_s": 10.0}),
    ({}, {"last_price": 50_500.0}),
    ({}, {"last_price": 49_500.0}),
    ({"orders_last_minute": 59}, {}),
    ({"candles_seen": 3}, {}),
    ({"refused_stops_today": 1, "entries_today": 3}, {}),
    ({"day_equity": D("9400.01")}, {}),
    ({"exposure": D("18999")}, {}),
    ({}, {"stop_price": 41_000.5}),
    ({}, {"target_price": None}),
    ({"live": True}, {}),
]


@pytest.mark.parametrize(("account", "request_"), AT_THE_LIMIT)
def test_an_entry_just_within_a_limit_is_allowed(account, request_):
    assert entry(account, **request_).reasons == ()


REFUSED: list[tuple[dict[str, object], dict[str, object], str]] = [
    ({"owner": "momentum"}, {}, "held by momentum"),
    ({"halted": "foreign quantity"}, {}, "symbol halted: foreign quantity"),
    ({"entries_on": False}, {}, "entries are off"),
    ({"release_valid": False}, {}, "release expired: reduce only"),
    ({"stream_fresh": False}, {}, "market stream is stale"),
    ({"candles_seen": 2}, {}, "warming up: 2 of 3 closed candles seen"),
    ({"durable": False}, {}, "the ledger cannot be written"),
    ({}, {"age_s": 10.6}, "the signal is 11 s old"),
    ({}, {"stop_price": None}, "no stop: the parameters give no protective price"),
    ({}, {"stop_price": 0.0}, "no stop: the parameters give no protective price"),
    ({}, {"stop_price": 41_000.0}, "the stop lies beyond the liquidation at leverage 5"),
    ({"leverage": 50}, {}, "the stop lies beyond the liquidation at leverage 50"),
    ({}, {"stop_price": 50_000.0}, "the market at 50000 is beyond the stop 50000"),
    ({}, {"target_price": 50_000.0}, "the market at 50000 is beyond the target 50000"),
    (
        {"live": True},
        {"emergency_price": None},
        "no emergency stop (filters are off): refused in live",
    ),
    ({"open_positions": 5}, {}, "5 positions open, at most 5"),
    ({}, {"last_price": 50_501.0}, "price moved 1.00% since the decision"),
    ({}, {"last_price": 49_499.0}, "price moved 1.00% since the decision"),
    ({"refused_stops_today": 2}, {}, "2 stops were refused today: no entries until tomorrow"),
    ({"entries_today": 4}, {}, "4 entries today, at most 4"),
    ({"paused_for_s": 150.0}, {}, "pause after losses, 2 more minutes"),
    ({"paused_for_s": 0.5}, {}, "pause after losses, 0 more minutes"),
    ({"day_equity": D(9_400)}, {}, "daily loss 6.00% reached the limit 6.00%"),
    ({"day_limit_reached": True}, {}, "the daily loss limit 6.00% was reached today"),
    ({"orders_last_minute": 60}, {}, "60 orders in the last minute"),
    ({"available": D(999)}, {}, "size 50.00 is below the minimum 100.00"),
    ({"available": D(0)}, {}, "size 0.00 is below the minimum 100.00"),
]


@pytest.mark.parametrize(("account", "request_", "reason"), REFUSED)
def test_an_entry_beyond_a_limit_is_refused_with_its_reason(account, request_, reason):
    verdict = entry(account, **request_)
    assert verdict.reasons == (reason,)
    assert (verdict.allowed, verdict.quantity, verdict.risk) == (False, 0, None)


def test_exposure_at_its_limit_refuses_whatever_the_size() -> None:
    reasons = entry({"exposure": D(20_000)}).reasons
    assert reasons[0] == "exposure 20000.00 is at its limit"


def test_a_short_is_refused_beyond_its_own_stop_and_target() -> None:
    short = {"side": -1, "stop_price": 51_000.0, "target_price": 48_000.0}
    assert entry(**short).reasons == ()
    assert entry(**{**short, "stop_price": 50_000.0}).reasons == (
        "the market at 50000 is beyond the stop 50000",
    )
    assert entry(**{**short, "target_price": 50_000.0}).reasons == (
        "the market at 50000 is beyond the target 50000",
    )


def test_every_violated_limit_is_named() -> None:
    assert len(entry({"owner": "a", "entries_on": False, "open_positions": 9}).reasons) == 3


def test_without_a_limit_of_entries_a_day_any_number_is_allowed() -> None:
    free = RiskSettings(max_entries_per_day=0)
    verdict = check_entry(REQUEST, replace(ACCOUNT, entries_today=50), free, INSTRUMENT)
    assert verdict.allowed


def test_the_smallest_quantity_and_notional_of_the_exchange_are_taken() -> None:
    small = replace(INSTRUMENT, min_quantity=D("0.002"), min_notional=D(100))
    just = replace(ACCOUNT, available=D(1_000))
    assert check_entry(REQUEST, just, LIMITS, small).quantity == D("0.002")
    coarse = replace(small, min_quantity=D("0.003"))
    assert not check_entry(REQUEST, just, LIMITS, coarse).allowed
    wanted = RiskSettings(min_trade_notional=D(101))
    (reason,) = check_entry(REQUEST, just, wanted, small).reasons
    assert reason == "size 100.00 is below the minimum 101.00"


def test_an_instrument_that_does_not_trade_is_not_entered() -> None:
    stopped = replace(INSTRUMENT, trading=False)
    (reason,) = check_entry(REQUEST, ACCOUNT, LIMITS, stopped).reasons
    assert reason.endswith("is not trading at the exchange")


def test_the_loss_of_a_day_counts_from_its_baseline() -> None:
    assert daily_loss(D(95), D(100)) == D("0.05")
    assert daily_loss(D(105), D(100)) == 0
    assert daily_loss(D(5), D(0)) == 0
    assert daily_loss(D("0.4"), D("0.5")) == D("0.2")


ADDITION = AdditionRequest(BTC, 50_000.0, D("0.020"), D(1_000))


def addition(account: dict[str, object] | None = None, **request: object) -> RiskVerdict:
    return check_addition(
        replace(ADDITION, **request),  # type: ignore[arg-type]
        replace(ACCOUNT, **(account or {})),  # type: ignore[arg-type]
        LIMITS,
        INSTRUMENT,
    )


def test_an_addition_up_to_a_fifth_of_the_equity_is_made() -> None:
    verdict = addition()
    assert (verdict.allowed, verdict.quantity) == (True, D("0.020"))
    # Owner and number of positions do not matter: the position is held already.
    assert addition({"owner": "breakout", "open_positions": 9}).allowed
    assert addition(by_risk=True, open_notional=D(49_000)).allowed
    assert addition({"available": D(200)}).allowed
    assert addition(quantity=D("0.002")).allowed


ADDITIONS_REFUSED: list[tuple[dict[str, object], dict[str, object], str]] = [
    ({"halted": "foreign quantity"}, {}, "symbol halted: foreign quantity"),
    ({"entries_on": False}, {}, "entries are off"),
    ({"release_valid": False}, {}, "release expired: reduce only"),
    ({"stream_fresh": False}, {}, "market stream is stale"),
    ({"durable": False}, {}, "the ledger cannot be written"),
    ({"orders_last_minute": 60}, {}, "60 orders in the last minute"),
    ({"refused_stops_today": 2}, {}, "2 stops were refused today: no entries until tomorrow"),
    ({}, {"open_notional": D("1000.01")}, "position of 20.00%, at most 20.00%"),
    (
        {},
        {"by_risk": True, "open_notional": D("49000.1")},
        "position of 100.00%, at most 100.00%",
    ),
    ({"available": D("199.9")}, {}, "margin for 1000.00 is not free"),
    ({}, {"quantity": D("0.0019")}, "size 95.00 is below the minimum 100.00"),
]


@pytest.mark.parametrize(("account", "request_", "reason"), ADDITIONS_REFUSED)
def test_an_addition_beyond_a_limit_is_refused_with_its_reason(account, request_, reason):
    verdict = addition(account, **request_)
    assert verdict.reasons == (reason,)
    assert (verdict.allowed, verdict.quantity) == (False, 0)


def test_an_addition_is_limited_as_one_order_and_by_the_exchange() -> None:
    tight = RiskSettings(max_order_notional=D(1_000))
    assert check_addition(ADDITION, ACCOUNT, tight, INSTRUMENT).allowed
    tighter = RiskSettings(max_order_notional=D(999))
    (reason,) = check_addition(ADDITION, ACCOUNT, tighter, INSTRUMENT).reasons
    assert reason == "notional 1000.00, at most 999.00"
    stopped = replace(INSTRUMENT, trading=False)
    assert not check_addition(ADDITION, ACCOUNT, LIMITS, stopped).allowed
    large = replace(INSTRUMENT, min_quantity=D("0.020"))
    assert check_addition(ADDITION, ACCOUNT, LIMITS, large).allowed
    larger = replace(INSTRUMENT, min_quantity=D("0.021"))
    assert not check_addition(ADDITION, ACCOUNT, LIMITS, larger).allowed


def test_an_account_without_equity_adds_nothing() -> None:
    reasons = addition({"equity": D(0), "exposure": D(-1)}).reasons
    assert reasons == (
        "position of 100.00%, at most 20.00%",
        "exposure of 999.00, at most 0.00",
    )


@pytest.mark.parametrize(
    ("exposure", "request_", "reasons"),
    [
        ("19000", {}, ()),
        ("19000.01", {}, ("exposure of 20000.01, at most 20000.00",)),
        # By risk the margin counts: a fifth of 1,000 at leverage 5.
        ("19800", {"by_risk": True}, ()),
        ("19800.01", {"by_risk": True}, ("exposure of 20000.01, at most 20000.00",)),
        ("20000", {}, ("exposure 20000.00 is at its limit",)),
    ],
)
def test_an_addition_does_not_lift_the_exposure_above_its_limit(
    exposure: str, request_: dict[str, object], reasons: tuple[str, ...]
) -> None:
    assert addition({"exposure": D(exposure)}, **request_).reasons == reasons


def test_an_addition_leaves_the_reserve_alone() -> None:
    limits = RiskSettings(reserve_share=D("0.98"))
    assert check_addition(ADDITION, ACCOUNT, limits, INSTRUMENT).allowed
    spent = replace(ACCOUNT, available=D("9999.9"))
    (reason,) = check_addition(ADDITION, spent, limits, INSTRUMENT).reasons
    assert reason == "margin for 1000.00 is not free"
