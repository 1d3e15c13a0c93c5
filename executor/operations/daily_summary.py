"""The daily summary: an alert at a set hour, so that a day without one is an alarm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from executor.builder import Executor
from executor.notifications.delivery import utc_now
from trading.candles import DAY_MS

META = "last_daily_summary"


class DailySummary:
    """Sends the summary once a day; the ledger remembers the day across restarts."""

    def __init__(self, executor: Executor, now: Callable[[], datetime] = utc_now) -> None:
        self._x = executor
        self._now = now

    async def look(self) -> None:
        """Send the summary when its hour has come."""
        services = self._x.services
        settings = services.settings.alerts
        if not settings.summary_at:
            return
        local = self._now().astimezone(ZoneInfo(settings.timezone))
        if local.time() < time.fromisoformat(settings.summary_at):
            return
        day = local.date().isoformat()
        if services.ledger.meta(META) >= day:
            return
        services.ledger.set_meta(META, day)
        services.alerts.send("daily summary", **self.fields())

    def fields(self) -> dict[str, Any]:
        """What the last 24 hours were."""
        x, ledger = self._x, self._x.services.ledger
        since = x.services.clock.now_ms() - DAY_MS
        found: dict[str, Any] = {}
        changes = []
        for wallet in x.portfolio.wallets:
            equity = x.portfolio.equity_of(wallet)
            found["equity"] = _joined(found.get("equity"), f"{equity:.2f} {wallet.asset}")
            before = ledger.daily.equity_at(wallet.venue, wallet.asset, since)
            if before is not None:
                changes.append(f"{equity - before:+.2f} {wallet.asset}")
        if changes:
            found["change in 24 h"] = ", ".join(changes)
        found["trades in 24 h"] = self._trades(since)
        held = sorted(holding.symbol for holding in x.portfolio.holdings())
        found["open positions"] = f"{len(held)}: {', '.join(held)}" if held else "none"
        found["entries"] = "on" if x.trading_state.entries else str(x.trading_state.why)
        release = x.releases.current
        found["release"] = release.release_id if release is not None else "none"
        found["mode"] = x.services.settings.mode.value
        found["time"] = f"{self._now().astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return found

    def _trades(self, since: int) -> str:
        closed = self._x.services.ledger.daily.closed_since(since)
        if not closed:
            return "none"
        sums: dict[str, Decimal] = {}
        for one in closed:
            sums[one.quote_asset] = sums.get(one.quote_asset, Decimal(0)) + one.profit
        won = sum(one.profit > 0 for one in closed)
        results = ", ".join(f"{total:+.2f} {asset}" for asset, total in sorted(sums.items()))
        return f"{len(closed)} ({won} won), {results}"


def _joined(before: str | None, text: str) -> str:
    return text if before is None else f"{before}, {text}"
