"""The executor's own account of itself, for the control socket and for `status.json`."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Any

import orjson

from executor.context import Context
from executor.market_data.feed import MarketFeed
from executor.reconciliation.reconciler import Reconciler
from executor.strategy.release_keeper import ReleaseKeeper, market_datetime


class Status:
    """Collects what is worth knowing; writing is atomic."""

    def __init__(
        self, ctx: Context, feed: MarketFeed, releases: ReleaseKeeper, reconciler: Reconciler
    ) -> None:
        self._ctx = ctx
        self._feed = feed
        self._releases = releases
        self._reconciler = reconciler
        self.state = "warming_up"
        self._cpu = (time.monotonic(), time.process_time())
        self._share = 0.0

    def collect(self) -> dict[str, Any]:
        """A snapshot."""
        ctx = self._ctx
        release = self._releases.current
        warm = min(self._feed.seen.values(), default=0)
        return {
            "status": self.state,
            "timestamp": int(time.time() * 1000),
            "market_time": market_datetime(ctx.clock.now_ms()).isoformat(),
            "pid": os.getpid(),
            "mode": ctx.settings.mode.value,
            "account": ctx.settings.account,
            "cpu": round(self._share, 4),
            "memory": _resident_bytes(),
            "memory_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "warmup_current": min(warm, ctx.settings.risk.warmup_candles),
            "warmup_total": ctx.settings.risk.warmup_candles,
            "entries": ctx.trading_state.entries,
            "halt": ctx.trading_state.mode.value,
            "entries_off_because": ctx.trading_state.why,
            "ledger_durable": ctx.ledger.durable,
            "release": release.release_id if release else None,
            "release_valid": self._releases.valid(),
            "market_stream": {"up": self._feed.up, "silent_s": round(self._feed.silence_s, 1)},
            "last_reconciliation": self._reconciler.last_ok_ms,
            "wallet": str(ctx.portfolio.balance.wallet),
            "equity": str(ctx.portfolio.equity),
            "queued_events": ctx.bus.queued,
            "under_way": ctx.activity.names,
            "halted": {s.symbol: s.halted for s in ctx.portfolio.slots.values() if s.halted},
            "positions": [
                {
                    "symbol": h.symbol,
                    "strategy": h.row.strategy,
                    "side": h.row.side,
                    "quantity": str(h.row.quantity),
                    "entry_price": h.row.entry_price,
                    "protected": h.protected,
                    "resting": sorted(h.resting),
                }
                for h in ctx.portfolio.holdings()
            ],
        }

    def write(self) -> None:
        """Write `status.json` whole or not at all."""
        now = (time.monotonic(), time.process_time())
        elapsed = now[0] - self._cpu[0]
        if elapsed > 0:
            self._share = (now[1] - self._cpu[1]) / elapsed
        self._cpu = now
        path = self._ctx.settings.paths.state / "status.json"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(orjson.dumps(self.collect(), default=str))
        temporary.replace(path)


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
