"""Limits over the whole account: each refuses with its figure, a restart included."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.model import InstrumentId, NewOrder, OrderKind, VenueOrder
from executor.risk.account_state import OpenBet
from executor.risk.correlation import correlation_reasons
from executor.risk.market_shock import market_move
from executor.settings import RiskSettings
from executor.venues.faults import (
    Banned,
    InsufficientMargin,
    InvalidKey,
    RateLimited,
    Rejected,
    Temporary,
    VenueFaultError,
)
from tests.executor.fakes import (
    BTCUSDT,
    ETHUSDT,
    LOCAL,
    MINUTE,
    FakeVenue,
    Said,
    candle_closed,
    executor_on,
    reasons,
    settled,
    signal,
)
from tests.executor.test_decisions import ACCOUNT
from trading.candles import DAY_MS, HOUR_MS, Candle
from trading.order_ids import order_key
from trading.strategies.registry import get_strategy


async def closed_at(executor: Executor, price: int) -> None:
    """Buy at 50,000 and let the position end at another price."""
    venue = executor.services.venue_of(BTCUSDT)
    assert isinstance(venue, FakeVenue)
    venue.price = Decimal(50_000)
    signal(executor, bar_time=MINUTE)
    await settled(executor)
    venue.price = Decimal(price)
    holding = executor.portfolio.holding(BTCUSDT)
    assert holding is not None
    executor.closer.close(holding, "stop_loss" if price < 50_000 else "take_profit", None)
    await settled(executor)
    venue.price = Decimal(50_000)


# Correlation


class AlikeVenue(FakeVenue):
    """Shows hourly candles: ETHUSDT moves as BTCUSDT does, or against it."""

    def __init__(self, sign: int) -> None:
        super().__init__()
        self.sign = sign

    async def klines(
        self, symbol: InstrumentId, interval: str, start_ms: int, end_ms: int
    ) -> list[Candle]:
        if interval != "1h":
            return []
        sign = self.sign if symbol == ETHUSDT else 1
        closes = [
            (t, 100 * math.exp(sign * 0.01 * math.sin(t / HOUR_MS)))
            for t in range(start_ms, end_ms, HOUR_MS)
        ]
        return [Candle(t, c, c, c, c, 1.0) for t, c in closes]


@pytest.mark.parametrize(
    ("side", "bet", "reason"),
    [
        (1, OpenBet(ETHUSDT, 1, 0.95), f"correlation 0.95 with {ETHUSDT}, at most 0.9"),
        (-1, OpenBet(ETHUSDT, -1, 0.95), f"correlation 0.95 with {ETHUSDT}, at most 0.9"),
        (1, OpenBet(ETHUSDT, -1, -0.95), f"correlation -0.95 with {ETHUSDT}, at most 0.9"),
        (1, OpenBet(ETHUSDT, -1, 0.95), None),
        (1, OpenBet(ETHUSDT, 1, 0.9), None),
        (1, OpenBet(ETHUSDT, 1, None), f"the correlation with {ETHUSDT} is not known"),
    ],
)
def test_positions_that_are_the_same_bet_are_refused(
    side: int, bet: OpenBet, reason: str | None
) -> None:
    account = replace(ACCOUNT, open_bets=(bet,))
    limits = RiskSettings(max_correlation=Decimal("0.9"))
    assert correlation_reasons(side, account, limits) == ([reason] if reason else [])
    assert correlation_reasons(side, account, RiskSettings()) == []


@pytest.mark.parametrize(("sign", "allowed"), [(1, False), (-1, True)])
async def test_the_correlation_is_that_of_the_last_thirty_days_after_each_restart(
    tmp_path: Path, sign: int, allowed: bool
) -> None:
    venue, risk = AlikeVenue(sign), {"max_correlation": "0.9"}
    venue.time = 40 * DAY_MS + MINUTE
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        executor.subscribe_market()
        signal(executor)
        await settled(executor)
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        executor.subscribe_market()
        for symbol in (BTCUSDT, ETHUSDT):
            candle_closed(executor, symbol, 40 * DAY_MS // MINUTE, 50_000.0)
        executor.feed.seen[ETHUSDT] = 3
        await settled(executor)
        assert executor.correlations.between(BTCUSDT, ETHUSDT) == pytest.approx(sign)
        signal(executor, symbol=ETHUSDT, bar_time=40 * DAY_MS)
        await settled(executor)
        assert (executor.portfolio.holding(ETHUSDT) is not None) == allowed
        expected = [] if allowed else [f"correlation 1.00 with {BTCUSDT}, at most 0.9"]
        assert reasons(executor) == expected


async def test_an_unknown_correlation_refuses(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue(), risk={"max_correlation": "0.9"}) as executor:
        signal(executor)
        await settled(executor)
        candle_closed(executor, ETHUSDT, 2, 50_000.0)
        executor.feed.seen[ETHUSDT] = 3
        signal(executor, symbol=ETHUSDT)
        await settled(executor)
        assert reasons(executor) == [f"the correlation with {BTCUSDT} is not known"]


# Shocks of the market


@pytest.mark.parametrize(
    ("windows", "move"),
    [
        ([[100.0, 95.0]], -0.05),
        ([[100.0, 90.0], [100.0, 100.0], [100.0, 101.0]], 0.0),
        ([[100.0, 90.0], [10.0, 9.5], [1.0, 0.99]], -0.05),
        ([[100.0]], 0.0),
        ([], 0.0),
    ],
)
def test_the_move_of_the_market_is_the_median_of_its_instruments(
    windows: Sequence[Sequence[float]], move: float
) -> None:
    assert market_move(windows) == pytest.approx(move)


async def test_a_shock_pauses_all_entries_over_a_restart_and_then_ends(tmp_path: Path) -> None:
    venue, said = FakeVenue(), Said()
    risk = {"shock_move": "0.05", "shock_pause_minutes": 30, "warmup_candles": 0}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        executor.services.alerts = said
        executor.subscribe_market()
        for minute, price in ((2, 50_000.0), (3, 48_000.0), (4, 47_400.0), (5, 47_300.0)):
            candle_closed(executor, BTCUSDT, minute, price)
            await settled(executor)
        assert said.titled("market shock: entries pause") == [{"move": "-5.20%", "minutes": 30}]
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        signal(executor, price=50_000.0)
        await settled(executor)
        # The clock of the test begins at minute 2; the last shocked candle closed at minute 6.
        assert reasons(executor) == ["pause after a market shock, 34 more minutes"]
        executor.services.clock.observe(36 * MINUTE)
        signal(executor, bar_time=35 * MINUTE)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is not None


@pytest.mark.parametrize(("minutes", "shocked"), [(1, True), (11, False)])
async def test_only_the_moves_of_the_window_make_a_shock(
    tmp_path: Path, minutes: int, shocked: bool
) -> None:
    risk = {"shock_move": "0.05", "shock_minutes": 10}
    async with executor_on(tmp_path, FakeVenue(), risk=risk) as executor:
        executor.subscribe_market()
        prices = (price for price in (50_000.0, 48_500.0, 47_400.0) for _ in range(minutes))
        for minute, price in enumerate(prices, 10_000):
            candle_closed(executor, BTCUSDT, minute, price)
            await settled(executor)
        assert (executor.shock.pauses_for_s > 0.0) is shocked


async def test_one_instrument_alone_is_no_shock(tmp_path: Path) -> None:
    risk = {"shock_move": "0.05"}
    async with executor_on(tmp_path, FakeVenue(), risk=risk) as executor:
        executor.subscribe_market()
        for minute, price in ((2, 50_000.0), (3, 47_000.0)):
            candle_closed(executor, BTCUSDT, minute, price)
            candle_closed(executor, ETHUSDT, minute, 2_000.0)
        await settled(executor)
        assert executor.shock.pauses_for_s == 0.0


class Remembering(FakeVenue):
    """A venue whose last two 1m candles, of every instrument, closed at these prices."""

    def __init__(self, first: float, second: float) -> None:
        super().__init__()
        self.closes = (first, second)

    async def klines(
        self, symbol: InstrumentId, interval: str, start_ms: int, end_ms: int
    ) -> list[Candle]:
        del symbol, interval
        made = [Candle(n * MINUTE, c, c, c, c, 1.0) for n, c in enumerate(self.closes)]
        return [candle for candle in made if start_ms <= candle.open_time < end_ms]


async def test_a_move_that_began_before_a_restart_is_a_shock_after_it(tmp_path: Path) -> None:
    venue, risk = Remembering(50_000, 47_000), {"shock_move": "0.05", "shock_pause_minutes": 30}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        said = executor.services.alerts = Said()
        await executor.shock.restore([BTCUSDT, ETHUSDT])
        signal(executor)
        await settled(executor)
        assert reasons(executor) == ["pause after a market shock, 30 more minutes"]
        assert said.titled("market shock: entries pause") == [{"move": "-6.00%", "minutes": 30}]
        # An operator who has looked at it is not overruled by the same move.
        executor.shock.lift()
        await executor.shock.restore([BTCUSDT, ETHUSDT])
        assert executor.shock.pauses_for_s == 0.0


class Refusing(Remembering):
    """A venue that refuses to tell the candles of BTCUSDT, once."""

    async def klines(
        self, symbol: InstrumentId, interval: str, start_ms: int, end_ms: int
    ) -> list[Candle]:
        self.asked = [*getattr(self, "asked", []), symbol]
        if self.asked.count(BTCUSDT) == 1 and symbol == BTCUSDT:
            raise Rejected("code -1122: Invalid symbol status.")
        return await super().klines(symbol, interval, start_ms, end_ms)


async def test_candles_that_are_refused_do_not_keep_the_executor_from_starting(
    tmp_path: Path,
) -> None:
    venue, risk = Refusing(50_000, 47_500), {"shock_move": "0.05"}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        await executor.shock.start([BTCUSDT, ETHUSDT])
        assert executor.shock.pauses_for_s == 0.0
        executor.subscribe_market()
        candle_closed(executor, BTCUSDT, 2, 47_400.0)
        await settled(executor)
        assert executor.shock.pauses_for_s > 0


async def test_a_new_instrument_brings_its_window_with_its_first_candle(tmp_path: Path) -> None:
    venue, risk = Remembering(50_000, 47_500), {"shock_move": "0.05"}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        executor.subscribe_market()
        candle_closed(executor, BTCUSDT, 2, 47_400.0)
        await settled(executor)
        assert executor.shock.pauses_for_s > 0


# After a stop, and after refusals


async def test_an_instrument_cools_down_after_its_stop_over_a_restart(tmp_path: Path) -> None:
    venue, risk = FakeVenue(), {"stop_pause_minutes": 30}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        await closed_at(executor, 49_000)
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        candle_closed(executor, ETHUSDT, 2, 50_000.0)
        executor.feed.seen[ETHUSDT] = 3
        signal(executor, bar_time=2 * MINUTE)
        signal(executor, bar_time=2 * MINUTE, symbol=ETHUSDT)
        await settled(executor)
        assert reasons(executor) == ["cools down after a stop, 28 more minutes"]
        assert executor.portfolio.holding(ETHUSDT) is not None
        assert executor.portfolio.holding(BTCUSDT) is None


async def test_a_take_profit_is_no_stop(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue(), risk={"stop_pause_minutes": 30}) as executor:
        await closed_at(executor, 51_000)
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is not None


class NoEntries(FakeVenue):
    """Refuses every entry."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def place(self, order: NewOrder) -> VenueOrder:
        del order
        self.asked += 1
        raise InsufficientMargin("code -2019: Margin is insufficient.")


async def test_entries_that_the_exchange_keeps_refusing_are_off_until_tomorrow(
    tmp_path: Path,
) -> None:
    venue, said = NoEntries(), Said()
    for bar in range(1, 6):
        # A new process each time: the ledger alone remembers.
        async with executor_on(tmp_path, venue) as executor:
            executor.services.alerts = said
            signal(executor, bar_time=bar * MINUTE)
            await settled(executor)
    assert venue.asked == 3
    why = "the exchange refused 3 entries today: no more until tomorrow"
    assert said.titled("entries off until tomorrow") == [{"symbol": BTCUSDT, "why": why}]


async def test_entries_that_were_never_sent_are_no_refusals(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        for bar in range(1, 5):
            signal(executor, bar_time=bar * MINUTE)
            while executor.portfolio.holding(BTCUSDT) is None:
                await asyncio.sleep(0)
            # Claimed, and not sent yet.
            executor.trading_state.block("test", "a test")
            await settled(executor)
            executor.trading_state.blocks.clear()
        count = executor.services.ledger.history.rejected_entries_since(BTCUSDT, 0)
        assert (count, len(executor.services.ledger.orders_of_key(key_of(1)))) == (0, 1)


@pytest.mark.parametrize(
    "fault",
    [
        RateLimited("fapiPrivatePostOrder: not sent, blocked for 3.0 s", 3.0),
        Banned("code -1003: banned", 60.0),
        Temporary("code -1008: busy"),
        InvalidKey("code -2015: Invalid API-key"),
    ],
)
async def test_faults_beside_the_order_are_no_refusals_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: VenueFaultError
) -> None:
    monkeypatch.setattr("executor.execution.retry_policy.RETRY_DELAYS_S", ())
    venue = FakeVenue()
    venue.faults = [fault]
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        (order,) = executor.services.ledger.orders_of_key(key_of(1))
        assert (order.status, order.error) == ("rejected", f"not taken: {fault}")
        assert executor.services.ledger.history.rejected_entries_since(BTCUSDT, 0) == 0


def key_of(bar: int) -> str:
    """The key of the orders of a bar."""
    return order_key("test", "breakout", BTCUSDT, bar * MINUTE)


# Size and leverage that follow the volatility

SCALED = get_strategy("breakout").resolve({"sizing": "volatility", "volatility_target": 0.01})


@pytest.mark.parametrize(("atr", "quantity"), [(1_000.0, "0.100"), (2_000.0, "0.050")])
async def test_twice_the_volatility_halves_the_size(
    tmp_path: Path, atr: float, quantity: str
) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        signal(executor, params=SCALED, atr=atr)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.row.quantity == Decimal(quantity)  # 1 % of 10,000 for each ATR


async def test_without_a_volatility_nothing_is_sized_by_it(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        signal(executor, params=SCALED)
        await settled(executor)
        assert reasons(executor) == ["the size follows the volatility, and that is not known"]


FOLLOWING = get_strategy("breakout").resolve({"leverage": 8.0, "target_volatility": 0.02})


@pytest.mark.parametrize(
    ("atr", "leverage"),
    [
        (500.0, 2),  # 2 % over an ATR of 1 %
        (50.0, 8),  # at most the strategy's
        (None, 1),  # not known
    ],
)
async def test_the_leverage_follows_the_volatility_and_is_set_before_the_entry(
    tmp_path: Path, atr: float | None, leverage: int
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        assert venue.leverages[BTCUSDT] == 5
        signal(executor, params=FOLLOWING, atr=atr)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert (holding.row.leverage, venue.leverages[BTCUSDT]) == (leverage, leverage)
    async with executor_on(tmp_path, venue) as executor:
        assert venue.leverages[BTCUSDT] == leverage, "an open position keeps its leverage"
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "take_profit", None)
        await settled(executor)
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert venue.leverages[BTCUSDT] == 5, "the next entry without it has the account's"


async def test_no_setting_lets_the_leverage_exceed_its_ceiling(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, venue={**LOCAL, "max_leverage": 3}) as executor:
        signal(executor, params=FOLLOWING, atr=50.0)
        await settled(executor)
        assert venue.leverages[BTCUSDT] == 3


async def test_nothing_is_entered_at_a_leverage_that_could_not_be_set(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.leverage_faults = [Rejected("code -4028: Leverage 2 is not valid")]
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, params=FOLLOWING, atr=500.0)
        await settled(executor)
        assert reasons(executor) == [
            "leverage 2 could not be set: code -4028: Leverage 2 is not valid"
        ]
        assert not any(order.kind == OrderKind.MARKET for order in venue.orders.values())
        assert executor.portfolio.holding(BTCUSDT) is None
