"""The account at this moment, as the risk limits see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from executor.model import InstrumentId
from executor.portfolio.daily_loss import DailyLossLimit
from executor.portfolio.portfolio import Portfolio
from executor.risk.pre_trade import AccountState
from executor.risk.trading_state import TradingState
from executor.services import Services
from executor.settings import Mode
from trading.candles import MINUTE_MS


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Where the figures that change by the second come from."""

    orders_last_minute: Callable[[], int]
    candles_seen: Callable[[InstrumentId], int]
    stream_fresh: Callable[[InstrumentId], bool]
    release_valid: Callable[[], bool]


class AccountSnapshot:
    """Collects the state of the account for the risk checks."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        trading_state: TradingState,
        daily_loss: DailyLossLimit,
        live: LiveFigures,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._trading_state = trading_state
        self._daily_loss = daily_loss
        self._live = live

    def state(self, symbol: InstrumentId) -> AccountState:
        """The account as an order in ``symbol`` would find it; checks the daily loss, too."""
        settings = self._services.settings
        slot = self._portfolio.slot(symbol)
        self._daily_loss.roll()
        wallet, leverage = self._portfolio.wallet_of(symbol), self._services.leverage(symbol)
        self._daily_loss.check(wallet.asset)
        history, day = self._services.ledger.history, self._daily_loss.begun_ms
        return AccountState(
            wallet=self._portfolio.balance(wallet).wallet,
            available=self._portfolio.free(
                wallet, leverage, believe_exchange=settings.mode is not Mode.REPLAY
            ),
            equity=self._portfolio.equity_of(wallet),
            day_equity=self._portfolio.equity(wallet.asset),
            day_baseline=self._daily_loss.baseline(wallet.asset),
            owner=slot.holding.row.strategy if slot.holding else None,
            open_positions=sum(1 for _ in self._portfolio.holdings()),
            orders_last_minute=self._live.orders_last_minute(),
            candles_seen=self._live.candles_seen(symbol),
            stream_fresh=self._live.stream_fresh(symbol),
            entries_on=self._trading_state.entries,
            release_valid=self._live.release_valid(),
            halted=slot.halted,
            exposure=self._portfolio.exposure(wallet),
            entries_today=history.entries_since(symbol, day),
            refused_stops_today=history.refused_stops_since(symbol, day),
            paused_for_s=self._paused_for_s(),
            leverage=leverage,
            day_limit_reached=self._daily_loss.reached(wallet.asset),
            durable=self._services.ledger.durable,
            live=settings.mode is Mode.LIVE,
        )

    def _paused_for_s(self) -> float:
        """How long entries still pause after too many losses in a row."""
        risk = self._services.settings.risk
        if not risk.losses_before_pause:
            return 0.0
        streak = self._services.ledger.history.loss_streak(risk.losses_before_pause)
        if streak.length < risk.losses_before_pause:
            return 0.0
        end = streak.last_at + risk.pause_minutes * MINUTE_MS
        return max(0.0, (end - self._services.clock.now_ms()) / 1000)
