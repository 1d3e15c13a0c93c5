"""What the limits are checked against, at this moment."""

from __future__ import annotations

from collections.abc import Callable

from executor.context import Context
from executor.execution.order_manager import OrderManager
from executor.market_data.feed import MarketFeed
from executor.portfolio.daily_loss import DailyLossLimit
from executor.risk.pre_trade import AccountState, daily_loss
from executor.settings import Mode
from executor.strategy.release_keeper import ReleaseKeeper


class AccountSnapshot:
    """Collects the state of the account for the risk checks."""

    def __init__(
        self,
        ctx: Context,
        order_manager: OrderManager,
        feed: MarketFeed,
        releases: ReleaseKeeper,
        day: DailyLossLimit,
    ) -> None:
        self._ctx = ctx
        self._orders = order_manager
        self._feed = feed
        self._day = day
        self.release_is_valid: Callable[[], bool] = releases.valid

    def state(self, symbol: str) -> AccountState:
        """The account as an order in ``symbol`` would find it; the daily loss is looked at, too."""
        ctx = self._ctx
        slot = ctx.portfolio.slot(symbol)
        self._day.roll()
        state = AccountState(
            wallet=ctx.portfolio.balance.wallet,
            available=ctx.portfolio.free(
                ctx.settings.venue.leverage,
                believe_exchange=ctx.settings.mode is not Mode.REPLAY,
            ),
            equity=ctx.portfolio.equity,
            day_baseline=self._day.baseline,
            owner=slot.holding.row.strategy if slot.holding else None,
            open_positions=sum(1 for _ in ctx.portfolio.holdings()),
            orders_last_minute=self._orders.orders_last_minute,
            candles_seen=self._feed.seen[symbol],
            stream_fresh=self._feed.fresh(symbol),
            entries_on=ctx.trading_state.entries,
            release_valid=self.release_is_valid(),
            halted=slot.halted,
            leverage=ctx.settings.venue.leverage,
            day_limit_reached=self._day.limit_reached,
            durable=ctx.ledger.durable,
            live=ctx.settings.mode is Mode.LIVE,
        )
        self._day.check(daily_loss(state.equity, state.day_baseline))
        return state
