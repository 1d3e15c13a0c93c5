"""Additions, partial exits and exits by time, against an exchange in memory."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.reconciliation.adoption import steps_after
from executor.risk.trading_state import TradingMode, change_mode
from executor.settings import Settings
from executor.venues.faults import InsufficientMargin, OutcomeUnknown
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    FakeVenue,
    closed_positions,
    executor_on,
    settled,
    signal,
)
from trading.candles import Candle
from trading.positions.staged_position import StagedPosition

pytestmark = pytest.mark.usefixtures("toys")

RISK = {"warmup_candles": 3, "max_position_share": "0.4"}


async def enter(executor: Executor, strategy: str = "toy_staged") -> None:
    signal(executor, strategy=strategy)
    await settled(executor)


async def price(executor: Executor, venue: FakeVenue, *prices: int) -> None:
    """Move the market through prices, a second apart."""
    for value in prices:
        venue.price = Decimal(value)
        executor.services.clock.observe(executor.services.clock.now_ms() + 1_000)
        executor.exit_monitor.on_price(BTCUSDT, float(value), None)
        await settled(executor)


def legs(venue: FakeVenue) -> list[tuple[str, str]]:
    return [(f.client_id[-5:], f"{f.side} {f.quantity.normalize()}") for f in venue.fills]


def stops(venue: FakeVenue) -> list[str]:
    return [
        str(o.trigger_price) for o in venue.orders.values() if o.kind == "STOP_MARKET" and o.resting
    ]


def staged(executor: Executor) -> StagedPosition:
    holding = executor.portfolio.holding(BTCUSDT)
    assert holding is not None
    assert isinstance(holding.position, StagedPosition)
    return holding.position


def refusals(executor: Executor) -> list[str]:
    executor.services.ledger.flush()
    rows = executor.services.ledger._db.execute(
        "select data from events where type = 'entry_refused'"
    )
    return [reason for row in rows for reason in json.loads(row["data"])["reasons"]]


async def test_a_position_adds_returns_and_sells_half(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        assert stops(venue) == ["45000.0"]
        await price(executor, venue, 48_500)
        assert (staged(executor).stage, staged(executor).quantity) == ("first", 0.047)
        assert stops(venue) == ["45698.6"]  # 7 % below the average of 49138.30
        await price(executor, venue, 47_000)
        assert (staged(executor).stage, staged(executor).quantity) == ("second", 0.075)
        assert len(stops(venue)) == 1
        await price(executor, venue, 48_500)
        assert staged(executor).stage == "second_returned"
        await price(executor, venue, 50_000)
        assert staged(executor).stage == "all_returned"
        await price(executor, venue, 54_000)
        assert legs(venue) == [
            ("en-00", "BUY 0.02"),
            ("d1-00", "BUY 0.027"),
            ("d2-00", "BUY 0.028"),
            ("px-00", "SELL 0.028"),
            ("px-01", "SELL 0.027"),
            ("px-02", "SELL 0.01"),
        ]
        await price(executor, venue, 54_500)
        assert len(venue.fills) == 6, "half is sold once"
        rows = executor.services.ledger._db.execute(
            "select reason from orders where leg = 'px' order by n"
        )
        assert [row["reason"] for row in rows] == [
            "return_to_first",
            "return_to_initial",
            "half_close",
        ]
        assert all(o.reduce_only for name, o in venue.orders.items() if "-px-" in name)
        assert venue.held[BTCUSDT] == Decimal("0.010")
        signal(executor, strategy="toy_staged", action="exit")
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
        assert closed_positions(executor)[0].exit_reason == "strategy_exit"


async def test_a_short_position_is_averaged_upwards_and_bought_back_in_parts(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        signal(executor, strategy="toy_staged", side=-1)
        await settled(executor)
        assert stops(venue) == ["55000.0"]
        await price(executor, venue, 51_500, 53_000, 51_400, 50_000, 44_900)
        assert legs(venue) == [
            ("en-00", "SELL 0.02"),
            ("d1-00", "SELL 0.025"),
            ("d2-00", "SELL 0.025"),
            ("px-00", "BUY 0.025"),
            ("px-01", "BUY 0.025"),
            ("px-02", "BUY 0.01"),
        ]
        assert venue.held[BTCUSDT] == Decimal("-0.010")
        assert all(o.reduce_only for name, o in venue.orders.items() if "-px-" in name)
        assert all(o.side == "BUY" for o in venue.orders.values() if o.kind == "STOP_MARKET")


async def test_the_surge_strategy_itself_goes_through_its_stages(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await enter(executor, "surge")
        assert stops(venue) == ["45000.0"]
        # Its technical exit counts once half was sold.
        signal(executor, strategy="surge", action="exit")
        await settled(executor)
        assert not staged(executor).heeds_exit
        await price(executor, venue, 48_500, 47_000, 48_500, 50_000, 55_100)
        assert legs(venue) == [
            ("en-00", "BUY 0.003"),  # 1.5 % of 10,000
            ("d1-00", "BUY 0.004"),  # 2 %
            ("d2-00", "BUY 0.004"),
            ("px-00", "SELL 0.004"),
            ("px-01", "SELL 0.004"),
            ("px-02", "SELL 0.001"),
        ]
        assert stops(venue) == ["45945.5"]
        signal(executor, strategy="surge", action="exit")
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
        assert closed_positions(executor)[0].exit_reason == "strategy_exit"


async def test_a_position_adds_twice_and_is_stopped_at_five_per_cent(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        await price(executor, venue, 48_500, 47_000)
        average = staged(executor).average_price
        assert stops(venue) == [str(round(average * 0.95, 1))]
        bottom = int(average * 0.95) - 10
        await price(executor, venue, bottom)
        (closed,) = closed_positions(executor)
        assert closed.exit_reason == "stop_loss"
        assert closed.entry_price == pytest.approx(average)
        assert venue.held[BTCUSDT] == 0
        assert [f.quantity for f in venue.fills][-1] == Decimal("0.075")


async def test_prices_within_half_a_second_of_market_time_are_not_looked_at(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        await price(executor, venue, 49_900)
        venue.price = Decimal(48_500)
        for later_ms in (100, 300, 99):
            executor.services.clock.observe(executor.services.clock.now_ms() + later_ms)
            executor.exit_monitor.on_price(BTCUSDT, 48_500.0, None)
            await settled(executor)
        assert staged(executor).stage == "initial"
        executor.services.clock.observe(executor.services.clock.now_ms() + 1)
        executor.exit_monitor.on_price(BTCUSDT, 48_500.0, None)
        await settled(executor)
        assert staged(executor).stage == "first"


async def test_a_refused_addition_keeps_the_stop_of_its_stage_and_is_checked_again(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    risk = {**RISK, "max_order_notional": "1100"}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        await enter(executor)
        await price(executor, venue, 48_500, 48_400)
        assert refusals(executor) == ["notional 1309.50, at most 1100.00"]
        assert staged(executor).stage == "initial"
        assert stops(venue) == ["45000.0"]
        executor.services.settings = executor.services.settings.model_copy(
            update={
                "risk": Settings.model_fields["risk"].default.model_copy(
                    update={"max_position_share": Decimal("0.4")}
                )
            }
        )
        executor.services.clock.observe(executor.services.clock.now_ms() + MINUTE)
        await price(executor, venue, 48_400)
        assert staged(executor).stage == "first"


@pytest.mark.parametrize("command", ["entries-off", "reduce-only", "freeze"])
async def test_only_the_running_mode_adds(tmp_path: Path, command: str) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        change_mode(executor.services, executor.trading_state, TradingMode(command), "operator")
        await price(executor, venue, 48_500)
        assert refusals(executor) == ["entries are off"]
        assert len(venue.fills) == 1
        await price(executor, venue, 55_100)
        half_sold = len(venue.fills) == 2
        assert half_sold == (command != "freeze")


async def test_an_addition_that_the_exchange_refuses_is_not_hammered(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        venue.faults = [InsufficientMargin("margin")]
        await price(executor, venue, 48_500, 48_400, 48_300)
        assert [name for name, _ in legs(venue)] == ["en-00"]
        executor.services.clock.observe(executor.services.clock.now_ms() + MINUTE)
        await price(executor, venue, 48_300)
        # A definitely refused order never existed: its number is used again.
        assert [name for name, _ in legs(venue)] == ["en-00", "d1-00"]


async def test_an_addition_without_an_answer_is_found_and_bought_once(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        venue.lost_answers = [OutcomeUnknown("time-out")]
        await price(executor, venue, 48_500, 48_400)
        assert [name for name, _ in legs(venue)] == ["en-00", "d1-00"]
        assert staged(executor).stage == "first"


async def test_a_stage_is_rebuilt_from_the_trades_after_a_restart(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        await price(executor, venue, 48_500, 47_000, 48_500)
        before, sent = staged(executor), len(venue.orders)
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await settled(executor)
        after = staged(executor)
        assert (after.stage, after.quantity, after.average_price, after.stop_price) == (
            before.stage,
            before.quantity,
            before.average_price,
            before.stop_price,
        )
        assert len(venue.orders) == sent
        await price(executor, venue, 50_000)
        assert staged(executor).stage == "all_returned"


async def test_a_crash_between_the_intent_of_an_addition_and_its_answer_adds_once(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        await price(executor, venue, 48_500)
        ledger = executor.services.ledger
        # As after a crash: the intent is written, nothing after it.
        ledger._db.execute("delete from fills where client_id like '%-d1-%'")
        ledger._db.execute(
            "update orders set status = 'intent', exchange_id = null, filled = '0' where leg = 'd1'"
        )
        ledger._db.execute("update positions set quantity = '0.020', entry_price = 50000")
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await settled(executor)
        assert staged(executor).stage == "first"
        await price(executor, venue, 48_400)
        assert [name for name, _ in legs(venue)] == ["en-00", "d1-00"]


async def test_a_lost_ledger_gives_the_stage_back_from_the_orders_of_the_exchange(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        await price(executor, venue, 48_500, 47_000, 48_500)
    plain = await venue.recent_orders(BTCUSDT, 0)
    found = [(o.client_id[-5:], why) for o, why in steps_after(plain[0], plain)]
    assert found == [
        ("d1-00", "add_first"),
        ("d2-00", "add_second"),
        ("px-00", "return_to_first"),
    ]
    async with executor_on(tmp_path / "lost", venue, risk=RISK) as executor:
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.row.quantity == Decimal("0.047")
        assert holding.protected


async def test_a_ladder_is_sold_step_by_step_and_the_clock_ends_the_rest(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await enter(executor, "toy_ladder")
        await price(executor, venue, 51_000, 51_500, 52_000)
        assert legs(venue)[1:] == [("px-00", "SELL 0.005"), ("px-01", "SELL 0.005")]
        executor.services.clock.observe(executor.services.clock.now_ms() + 10 * MINUTE)
        await price(executor, venue, 51_900)
        assert closed_positions(executor)[0].exit_reason == "time_exit"
        assert venue.held[BTCUSDT] == 0


async def test_the_clock_ends_a_position_whose_addition_is_refused(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk={**RISK, "max_order_notional": "1100"}) as x:
        await enter(x)
        holding = x.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert isinstance(holding.position, StagedPosition)
        object.__setattr__(holding.position.rules, "time_exit_ms", 600_000)
        x.services.clock.observe(x.services.clock.now_ms() + 10 * MINUTE)
        await price(x, venue, 48_500)
        assert closed_positions(x)[0].exit_reason == "time_exit"


async def test_the_liquidation_guard_rests_as_the_stop_at_the_accounts_leverage(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await enter(executor, "toy_ladder")
        # At 5x: (1 - 1/5) / (1 - 0.004) = 0.80321; a quarter of the way before it 0.85241.
        assert stops(venue) == ["42620.5"]
        assert executor.services.ledger.open_positions()[0].leverage == 5
        await price(executor, venue, 42_600)
        assert closed_positions(executor)[0].exit_reason == "liquidation_guard"
        assert executor.portfolio.slot(BTCUSDT).halted is None


async def closed_candle(executor: Executor, number: int, *path: float) -> list[str | None]:
    """Close minute ``number``; returns the exit reasons of all closed positions."""
    candle = Candle(number * MINUTE, *path, 1.0)
    executor.services.clock.observe(candle.open_time + MINUTE)
    executor.exit_monitor.on_candle(BTCUSDT, candle, "cause")
    await settled(executor)
    return [row.exit_reason for row in closed_positions(executor)]


async def test_a_candles_own_profit_does_not_trail_what_came_before_it(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor, "toy_trailing")
        assert await closed_candle(executor, 1, 50_000, 50_000, 50_000, 50_000) == []
        await price(executor, venue, 51_000, 50_900, 52_000, 51_900)
        # The trailing stop of 51,480 did not exist when the price was at 50,900.
        assert await closed_candle(executor, 2, 51_000, 52_000, 50_900, 51_900) == []
        assert await closed_candle(executor, 3, 51_900, 51_900, 51_400, 51_800) == ["trailing_stop"]


async def test_a_candle_does_not_count_against_levels_that_changed_within_it(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor, "toy_trailing")
        assert await closed_candle(executor, 1, 50_000, 50_000, 50_000, 50_000) == []
        venue.time = 2 * MINUTE + 30_000
        await price(executor, venue, 48_500)
        assert staged(executor).stage == "first"
        # The high of 52,400 came before the addition, which moved the target to 51,712.50.
        assert await closed_candle(executor, 2, 50_000, 52_400, 48_500, 48_600) == []
        assert await closed_candle(executor, 3, 48_600, 51_800, 48_600, 51_750) == ["take_profit"]


async def test_the_high_water_mark_restarts_after_an_addition(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor, "toy_trailing")
        # 51,200 is 4 % above the mean that the addition will leave, 49,239.
        await price(executor, venue, 51_200, 48_500, 48_600)
        assert staged(executor).stage == "first"
        assert staged(executor).best_price == 48_600
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await settled(executor)
        assert staged(executor).best_price == 48_600
        await price(executor, venue, 50_800, 50_200)
        assert closed_positions(executor)[0].exit_reason == "trailing_stop"


async def test_orders_are_counted_by_the_minute_of_market_time(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, risk=RISK) as executor:
        await enter(executor)
        assert executor.order_manager.sent_last_minute() == 2  # entry and stop
        executor.services.clock.observe(executor.services.clock.now_ms() + 60_001)
        assert executor.order_manager.sent_last_minute() == 0
