"""The executor's status, for the control socket and for `status.json`."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Any

import orjson

from executor.builder import Executor
from executor.model import PROMISE, symbol_of, venue_of
from executor.operations.loop_lag import LoopLag
from executor.services import Services
from executor.strategy.release_keeper import market_datetime


class Status:
    """Collects the status; writing is atomic."""

    def __init__(self, executor: Executor) -> None:
        self._x = executor
        self.state = "warming_up"
        self._cpu = (time.monotonic(), time.process_time())
        self._share = 0.0
        self.loop_lag = LoopLag()

    def collect(self) -> dict[str, Any]:
        """A snapshot."""
        x, services = self._x, self._x.services
        release = x.releases.current
        warm = min(x.feed.seen.values(), default=0)
        return {
            "status": self.state,
            "timestamp": int(time.time() * 1000),
            "market_time": market_datetime(services.clock.now_ms()).isoformat(),
            "pid": os.getpid(),
            "mode": services.settings.mode.value,
            "account": services.settings.account,
            "cpu": round(self._share, 4),
            "loop_lag": round(self.loop_lag.most_s, 4),
            "memory": _resident_bytes(),
            "memory_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "warmup_current": min(warm, services.settings.risk.warmup_candles),
            "warmup_total": services.settings.risk.warmup_candles,
            "first_week": _first_week(services),
            "entries": x.trading_state.entries,
            "halt": x.trading_state.mode.value,
            "entries_off_because": x.trading_state.why,
            "ledger_durable": services.ledger.durable,
            "release": release.release_id if release else None,
            "release_valid": x.releases.valid(),
            "market_stream": {"up": x.feed.up, "silent_s": round(x.feed.silence_s, 1)},
            "last_reconciliation": x.reconciler.last_ok_ms,
            "wallets": [
                {
                    "venue": wallet.venue,
                    "asset": wallet.asset,
                    "wallet": str(x.portfolio.balance(wallet).wallet),
                    "equity": str(x.portfolio.equity_of(wallet)),
                }
                for wallet in x.portfolio.wallets
            ],
            "queued_events": services.bus.queued,
            "under_way": services.activity.names,
            "strategies_off": sorted({*x.trading_state.off, *services.settings.strategies.off}),
            "halted": {s.symbol: s.halted for s in x.portfolio.slots.values() if s.halted},
            "positions": [
                {
                    "venue": venue_of(h.symbol),
                    "symbol": symbol_of(h.symbol),
                    "strategy": h.row.strategy,
                    "side": h.row.side,
                    "quantity": str(h.row.quantity),
                    "entry_price": h.row.entry_price,
                    "price": x.portfolio.slot(h.symbol).last_price,
                    "protected": h.protected,
                    "promise": PROMISE[services.venue_of(h.symbol).capabilities.protection],
                    "resting": sorted(h.resting),
                }
                for h in x.portfolio.holdings()
            ],
        }

    def write(self) -> None:
        """Write `status.json` whole or not at all."""
        now = (time.monotonic(), time.process_time())
        elapsed = now[0] - self._cpu[0]
        if elapsed > 0:
            self._share = (now[1] - self._cpu[1]) / elapsed
        self._cpu = now
        path = self._x.services.settings.paths.state / "status.json"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(orjson.dumps(self.collect(), default=str))
        temporary.replace(path)


def _first_week(services: Services) -> dict[str, Any] | None:
    share = services.first_week.share_at(services.clock.now_ms())
    if share == 1:
        return None
    return {"share": str(share), "until": services.first_week.until_ms}


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
