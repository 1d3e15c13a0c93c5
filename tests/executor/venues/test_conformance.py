"""What every venue does, whatever its protocol: the same suite against the sandbox's engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest

from executor.model import (
    AccountUpdate,
    CandleUpdate,
    MarketEvent,
    OrderKind,
    OrderState,
    OrderUpdate,
    Protection,
    StreamState,
    Tick,
    UserEvent,
    instrument_id,
)
from executor.venues.faults import (
    Banned,
    InsufficientMargin,
    NothingToReduce,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Temporary,
    VenueFaultError,
    WouldTrigger,
)
from executor.venues.registry import venue_names
from tests.executor.venues.exchange import Sandbox, Trader, serving
from trading.candles import MINUTE_MS

VENUES = ("binance_spot", "binance_usdm")
ACCEPTED = OrderState.ACCEPTED


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with serving(tmp_path_factory.mktemp("exchange") / "exchange.sqlite") as served:
        yield served


@pytest.fixture(params=VENUES)
async def trader(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[Trader]:
    made = Trader(request.param, sandbox)
    await made.begin()
    try:
        yield made
    finally:
        await made.end()


def test_every_built_in_venue_is_in_this_suite() -> None:
    assert set(VENUES) == set(venue_names())


# Instruments and market data


async def test_an_instrument_has_its_steps_and_assets(trader: Trader) -> None:
    found = trader.instrument
    assert found.symbol == trader.symbol
    assert min(found.tick, found.step, found.min_notional) > 0
    assert (found.base_asset, found.quote_asset) == ("ETH", "USDT")
    assert found.max_quantity >= found.min_quantity


async def test_what_is_not_listed_is_left_out(trader: Trader) -> None:
    gone = instrument_id("GONEUSDT", trader.venue.name)
    assert list(await trader.venue.connect([trader.symbol, gone], 5)) == [trader.symbol]


async def test_candles_come_closed_and_in_order_and_without_a_hole(trader: Trader) -> None:
    end = 1_750_427_880_000
    start = end - 1_500 * MINUTE_MS
    candles = await trader.venue.klines(trader.symbol, "1m", start, end)
    assert [c.open_time for c in candles] == list(range(start, end, MINUTE_MS))


async def test_the_last_price_is_a_price(trader: Trader) -> None:
    assert await trader.venue.last_price(trader.symbol) > 100


async def test_the_clock_of_the_exchange_is_measured(trader: Trader) -> None:
    assert abs(trader.venue.offset_ms) < 1_000


async def test_the_key_shows_what_it_may_do(trader: Trader) -> None:
    allowed = await trader.venue.key_permissions()
    assert allowed is not None
    assert (allowed.trade, allowed.withdraw, allowed.transfer) == (True, False, False)


# Orders


async def test_a_market_order_fills_and_its_trade_names_the_fee(trader: Trader) -> None:
    placed = await trader.market("BUY")
    (fill,) = await trader.venue.trades(trader.symbol, order_id=placed.exchange_id)
    assert (fill.side, fill.quantity, fill.order_id) == (
        "BUY",
        Decimal("0.1"),
        placed.exchange_id,
    )
    assert fill.fee > 0
    assert fill.fee_asset in ("USDT", "ETH")


async def test_a_filled_order_is_found_by_its_id(trader: Trader) -> None:
    order = trader.new("BUY")
    await trader.venue.place(order)
    assert await trader.state(order) is OrderState.FILLED


async def test_an_order_that_never_was_is_none(trader: Trader) -> None:
    for conditional in (False, True):
        assert (
            await trader.venue.query(trader.symbol, "never-sent", conditional=conditional) is None
        )


async def test_recent_orders_come_in_order_with_their_fills(trader: Trader) -> None:
    order = trader.new("BUY")
    await trader.venue.place(order)
    found = await trader.venue.recent_orders(trader.symbol, 0)
    assert [o.time for o in found] == sorted(o.time for o in found)
    (mine,) = [o for o in found if o.client_id == order.client_id]
    assert (mine.status, mine.filled) == (OrderState.FILLED, Decimal("0.1"))


async def test_what_was_bought_is_a_position(trader: Trader) -> None:
    before = await trader.held()
    await trader.market("BUY")
    grown = await trader.held() - before
    assert Decimal("0.099") <= grown <= Decimal("0.1")  # less the fee, where it is taken from it


async def test_the_wallet_is_shown_by_asset(trader: Trader) -> None:
    found = (await trader.venue.balances())["USDT"]
    assert found.wallet >= found.available > 1_000


async def test_a_quantity_that_is_too_precise_is_rejected(trader: Trader) -> None:
    with pytest.raises(Rejected):
        await trader.venue.place(trader.new("BUY", quantity=Decimal("0.100000001")))


async def test_an_order_below_the_minimum_is_rejected(trader: Trader) -> None:
    with pytest.raises(Rejected):
        await trader.venue.place(trader.new("BUY", quantity=trader.instrument.min_quantity / 10))


async def test_an_order_that_cannot_be_paid_says_so(trader: Trader) -> None:
    many = trader.instrument.floor_quantity(Decimal(2_000))
    with pytest.raises(InsufficientMargin):
        await trader.venue.place(trader.new("BUY", quantity=many))


async def test_a_kind_that_is_not_sent_is_refused_here(trader: Trader) -> None:
    with pytest.raises(Rejected, match="is sent no"):
        await trader.venue.place(trader.new("BUY", OrderKind.TRAILING_STOP))


async def test_an_exit_of_nothing_opens_nothing(trader: Trader) -> None:
    """Where an exit can be reduce-only, it says that there is nothing; else it lacks the asset."""
    reduce_only = trader.venue.capabilities.reduce_only
    quantity = Decimal("0.1") if reduce_only else Decimal(50)
    order = trader.new("SELL", quantity=quantity, reduce_only=reduce_only, exits=True)
    with pytest.raises(NothingToReduce if reduce_only else InsufficientMargin):
        await trader.venue.place(order)


# Resting orders


async def test_a_stop_rests_and_is_listed(trader: Trader) -> None:
    order = await trader.bought()
    await trader.venue.place(order)
    (listed,) = await trader.venue.open_orders(trader.symbol)
    assert listed.client_id == order.client_id
    assert (listed.kind, listed.side, listed.status) == (OrderKind.STOP_MARKET, "SELL", ACCEPTED)
    assert (listed.trigger_price, listed.conditional) == (order.trigger_price, True)


async def test_a_listing_without_a_symbol_has_every_order(trader: Trader) -> None:
    order = await trader.bought()
    await trader.venue.place(order)
    assert order.client_id in {o.client_id for o in await trader.venue.open_orders()}


async def test_the_same_id_rests_once(trader: Trader) -> None:
    order = await trader.bought()
    first, second = await trader.venue.place(order), await trader.venue.place(order)
    assert first.exchange_id == second.exchange_id
    assert len(await trader.venue.open_orders(trader.symbol)) == 1


async def test_a_crossed_stop_is_refused_as_such(trader: Trader) -> None:
    await trader.market("BUY", Decimal("0.2"))
    with pytest.raises(WouldTrigger):
        await trader.venue.place(await trader.stop(1.1))


async def test_a_cancelled_order_is_gone_and_cancelling_again_is_no_error(trader: Trader) -> None:
    placed = await trader.venue.place(await trader.bought())
    for _ in range(2):
        await trader.venue.cancel(placed)
    assert await trader.venue.open_orders(trader.symbol) == []


async def test_cancelling_a_filled_order_is_no_error(trader: Trader) -> None:
    bought = await trader.market("BUY")
    await trader.venue.cancel(bought)
    found = await trader.venue.query(trader.symbol, bought.client_id, conditional=False)
    assert found is not None
    assert (found.status, found.filled) == (OrderState.FILLED, found.quantity)


async def test_another_connection_sees_what_rests(trader: Trader) -> None:
    order = await trader.bought()
    await trader.venue.place(order)
    other = Trader(trader.venue.name, trader.sandbox)
    await other.begin()
    try:
        (listed,) = await other.venue.open_orders(trader.symbol)
        assert listed.client_id == order.client_id
    finally:
        await other.venue.close()


async def test_a_pair_rests_as_one_and_goes_as_one(trader: Trader) -> None:
    if trader.venue.capabilities.protection is not Protection.OCO:
        pytest.skip("stop and target need no pair here")
    stop = await trader.bought()
    target = replace(
        await trader.stop(1.1), kind=OrderKind.TAKE_PROFIT_MARKET, client_id=f"{stop.client_id}-t"
    )
    await trader.venue.place(replace(stop, partner=target))
    listed = await trader.venue.open_orders(trader.symbol)
    assert {o.client_id for o in listed} == {stop.client_id, target.client_id}
    assert len({o.parent for o in listed}) == 1
    await trader.venue.cancel(listed[0])
    assert await trader.venue.open_orders(trader.symbol) == []


async def test_an_order_that_closes_the_position_has_no_quantity(trader: Trader) -> None:
    if trader.venue.capabilities.protection is not Protection.EXCHANGE_STOP:
        pytest.skip("a balance is sold by quantity")
    await trader.market("BUY", Decimal("0.2"))
    await trader.venue.place(await trader.stop(quantity=None, close_position=True))
    (listed,) = await trader.venue.open_orders(trader.symbol)
    assert listed.close_position


# Faults


@pytest.mark.parametrize("kind", ["unknown_503", "timeout_1007", "drop_response"])
async def test_an_accepted_order_without_an_answer_is_unknown_and_then_found(
    trader: Trader, kind: str
) -> None:
    order = trader.new("BUY")
    trader.sandbox.fault(kind, method="POST", path=trader.order_path)
    with pytest.raises(OutcomeUnknown):
        await trader.venue.place(order)
    assert await trader.state(order) is OrderState.FILLED


@pytest.mark.parametrize("kind", ["drop_request", "lost_503"])
async def test_a_lost_order_is_unknown_and_then_not_there(trader: Trader, kind: str) -> None:
    order = trader.new("BUY")
    trader.sandbox.fault(kind, method="POST", path=trader.order_path)
    with pytest.raises(OutcomeUnknown):
        await trader.venue.place(order)
    assert await trader.state(order) is None


async def test_an_answer_that_cannot_be_read_is_unknown(trader: Trader) -> None:
    order = trader.new("BUY")
    trader.sandbox.fault("alter_response", path=trader.order_path, field="orderId", method="POST")
    with pytest.raises(OutcomeUnknown):
        await trader.venue.place(order)
    assert await trader.state(order) is OrderState.FILLED


@pytest.mark.parametrize("kind", ["unavailable_503", "internal_503", "throttled"])
async def test_a_definite_refusal_of_the_moment_may_be_repeated(trader: Trader, kind: str) -> None:
    order = trader.new("BUY")
    trader.sandbox.fault(kind, method="POST", path=trader.order_path)
    with pytest.raises(Temporary):
        await trader.venue.place(order)
    await trader.venue.place(order)
    assert await trader.state(order) is OrderState.FILLED


async def test_a_rate_limit_holds_back_all_but_a_few_exits(trader: Trader) -> None:
    order = await trader.bought()
    trader.sandbox.fault("rate_limit", method="POST", path=trader.stop_path, seconds=1.5)
    with pytest.raises(RateLimited) as caught:
        await trader.venue.place(order)
    assert caught.value.retry_after_s >= 1
    with pytest.raises(RateLimited, match="not sent"):
        await trader.venue.positions()
    assert (await trader.venue.place(order)).client_id == order.client_id
    await asyncio.sleep(caught.value.retry_after_s)
    assert len(await trader.venue.open_orders(trader.symbol)) == 1


async def test_a_ban_holds_back_everything(trader: Trader) -> None:
    order = await trader.bought()
    trader.sandbox.fault("ban", method="POST", path=trader.stop_path, seconds=1.2)
    with pytest.raises(Banned) as caught:
        await trader.venue.place(order)
    with pytest.raises(Banned, match="not sent"):
        await trader.venue.place(order)
    await asyncio.sleep(caught.value.retry_after_s)
    await trader.venue.place(order)


async def test_only_faults_leave_an_adapter(trader: Trader) -> None:
    trader.sandbox.fault("garble_response", path="klines")
    with pytest.raises(VenueFaultError):
        await trader.venue.klines(trader.symbol, "1m", 0, MINUTE_MS)


# Streams


class Heard(list[UserEvent]):
    """What a user stream reports, while the block runs."""

    def __init__(self, trader: Trader) -> None:
        super().__init__()
        self._trader = trader

    async def __aenter__(self) -> Heard:
        self._task = asyncio.create_task(self._trader.connection.user.run(self.append))
        await self._trader.seen(self.up)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def up(self) -> bool:
        """Whether the stream is connected."""
        states = [event for event in self if isinstance(event, StreamState)]
        return bool(states) and states[-1].up


async def test_the_user_stream_reports_the_trade_of_the_trade_list(trader: Trader) -> None:
    async with Heard(trader) as heard:
        placed = await trader.market("BUY")

        async def trades() -> list[OrderUpdate]:
            updates = [event for event in heard if isinstance(event, OrderUpdate)]
            return [event for event in updates if event.fill is not None]

        (update,) = await trader.seen(trades)
        (listed,) = await trader.venue.trades(trader.symbol, order_id=placed.exchange_id)
        assert replace(update.fill, client_id="", time=listed.time) == listed
        assert update.order.status is OrderState.FILLED


async def test_the_user_stream_reports_the_wallet(trader: Trader) -> None:
    async with Heard(trader) as heard:
        await trader.market("BUY")

        async def wallets() -> set[str]:
            return {e.wallet.asset for e in heard if isinstance(e, AccountUpdate)}

        assert "USDT" in await trader.seen(wallets)


async def test_a_renewed_user_stream_reports_again(trader: Trader) -> None:
    async with Heard(trader) as heard:
        await trader.connection.user.renew()

        async def again() -> bool:
            states = [event.up for event in heard if isinstance(event, StreamState)]
            return states[-2:] == [False, True]

        await trader.seen(again)
        order = trader.new("BUY")
        await trader.venue.place(order)

        async def reported() -> bool:
            return any(
                isinstance(e, OrderUpdate) and e.order.client_id == order.client_id for e in heard
            )

        await trader.seen(reported)


async def test_the_market_stream_brings_candles_and_the_prices_that_are_watched(
    trader: Trader,
) -> None:
    # The sandbox walks the prices of a minute only where an order may meet them.
    await trader.venue.place(await trader.bought())
    heard: list[MarketEvent] = []
    market = trader.connection.market
    await market.set_symbols(frozenset({trader.symbol}))
    await market.watch_prices(frozenset({trader.symbol}))
    task = asyncio.create_task(market.run(heard.append))

    async def connected() -> bool:
        return any(isinstance(event, StreamState) and event.up for event in heard)

    async def complete() -> bool:
        await trader.sandbox.step()
        closed = any(isinstance(event, CandleUpdate) and event.closed for event in heard)
        return closed and any(isinstance(event, Tick) for event in heard)

    try:
        await trader.seen(connected)
        await trader.seen(complete, 30.0)
        events = [event for event in heard if not isinstance(event, StreamState)]
        assert {event.symbol for event in events} == {trader.symbol}
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
