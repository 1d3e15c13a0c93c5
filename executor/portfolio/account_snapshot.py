"""The account at this moment, as the risk limits see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from executor.model import InstrumentId
from executor.portfolio.daily_loss import DailyLossLimit
from executor.portfolio.portfolio import Portfolio
from executor.risk.account_state import AccountState, OpenBet
from executor.risk.trading_state import TradingState
from executor.services import Services
from executor.settings import Mode
from trading.candles import MINUTE_MS

LIMITS_RESET = "limits_reset_at"
"""Name under which the ledger stores when an operator last reset the limits (ms)."""


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Where the figures that change by the second come from."""

    orders_last_minute: Callable[[], int]
    candles_seen: Callable[[InstrumentId], int]
    stream_fresh: Callable[[InstrumentId], bool]
    release_valid: Callable[[], bool]
    correlation: Callable[[InstrumentId, InstrumentId], float | None] = lambda _one, _other: None
    shocked_for_s: Callable[[], float] = lambda: 0.0


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

    def state(self, symbol: InstrumentId, leverage: int | None = None) -> AccountState:
        """The account as an order in ``symbol`` would find it; checks the daily loss, too.

        ``leverage`` is that of an entry; None takes the one of the position or the settings.
        """
        settings = self._services.settings
        slot = self._portfolio.slot(symbol)
        self._daily_loss.roll()
        wallet = self._portfolio.wallet_of(symbol)
        self._daily_loss.check(wallet.asset)
        history, day = self._services.ledger.history, self._since(self._daily_loss.begun_ms)
        return AccountState(
            wallet=self._portfolio.balance(wallet).wallet,
            available=self._portfolio.free(
                wallet, believe_exchange=settings.mode is not Mode.REPLAY
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
            entries_today=(
                history.entries_since(symbol, day) if settings.risk.max_entries_per_day else 0
            ),
            refused_stops_today=history.refused_stops_since(symbol, day),
            rejected_entries_today=history.rejected_entries_since(symbol, day),
            paused_for_s=self._paused_for_s(),
            stopped_for_s=self._stopped_for_s(symbol),
            shocked_for_s=self._live.shocked_for_s(),
            open_bets=self._open_bets(symbol),
            leverage=self._leverage(symbol) if leverage is None else leverage,
            day_limit_reached=self._daily_loss.reached(wallet.asset),
            durable=self._services.ledger.durable,
            live=settings.mode is Mode.LIVE,
        )

    def _leverage(self, symbol: InstrumentId) -> int:
        """That of the open position; else that of the settings."""
        holding = self._portfolio.holding(symbol)
        return holding.row.leverage if holding is not None else self._services.leverage(symbol)

    def _since(self, moment_ms: int) -> int:
        """The later of a moment and the operator's last reset of the limits."""
        return max(moment_ms, int(self._services.ledger.meta(LIMITS_RESET, "0")))

    def _open_bets(self, symbol: InstrumentId) -> tuple[OpenBet, ...]:
        if self._services.settings.risk.max_correlation >= 1:
            return ()
        return tuple(
            OpenBet(h.symbol, h.row.side, self._live.correlation(symbol, h.symbol))
            for h in self._portfolio.holdings()
            if h.symbol != symbol
        )

    def _paused_for_s(self) -> float:
        """How long entries still pause after too many losses in a row."""
        risk = self._services.settings.risk
        if not risk.losses_before_pause:
            return 0.0
        history = self._services.ledger.history
        streak = history.loss_streak(risk.losses_before_pause, self._since(0))
        if streak.length < risk.losses_before_pause:
            return 0.0
        return self._left_s(streak.last_at, risk.pause_minutes)

    def _stopped_for_s(self, symbol: InstrumentId) -> float:
        """How long an instrument still cools down after its last stop."""
        minutes = self._services.settings.risk.stop_pause_minutes
        if not minutes:
            return 0.0
        last = self._services.ledger.history.last_stop_since(symbol, self._since(0))
        return 0.0 if last is None else self._left_s(last, minutes)

    def _left_s(self, begun_ms: int, minutes: int) -> float:
        end = begun_ms + minutes * MINUTE_MS
        return max(0.0, (end - self._services.clock.now_ms()) / 1000)
