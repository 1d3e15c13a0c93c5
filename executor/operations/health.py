"""Health: the few things that must hold, each with a verdict and its figure."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from executor.builder import Executor
    from executor.operations.status import Status

LEAST_DISK_BYTES = 256 * 1024**2
MOST_MEMORY_BYTES = 400 * 1024**2
MOST_QUEUED = 500
MOST_REFUSED = 3
"""Refused values within a minute; a single one is counted, but the stream is still healthy."""
MOST_OFFSET_MS = 1_000
MOST_UNDELIVERED_S = 300.0
MOST_CPU = 0.9
"""Share of one core: the executor runs on one."""
MOST_LAG_S = 0.25
"""Half of what the guard of a price has between two looks."""


def health(x: Executor, status: Status) -> dict[str, Any]:
    """Checks by name: ``ok`` and ``value``; the whole is ok when every check is."""
    services = x.services
    state = status.collect()
    free = shutil.disk_usage(services.settings.paths.state).free
    age = time.monotonic() - x.reconciler.last_ok_at
    unprotected = [h.symbol for h in x.portfolio.holdings() if h.filled and not h.protected]
    warm = state["warmup_current"] >= state["warmup_total"]
    offsets = {venue.name: venue.offset_ms for venue in services.venues}
    checks = {
        "market_stream": (x.feed.fresh(), state["market_stream"]),
        "values": (
            x.feed.guard.refused_lately() < MOST_REFUSED,
            dict(x.feed.guard.refused),
        ),
        "user_stream": (x.user_connections.up, x.user_connections.up),
        "reconciliation": (age < 3 * services.settings.timing.reconcile_s, round(age, 1)),
        "clock": (max(map(abs, offsets.values())) < MOST_OFFSET_MS, offsets),
        "ledger": (services.ledger.durable, services.ledger.problem or "written"),
        "disk": (free > LEAST_DISK_BYTES, free),
        "memory": (state["memory"] < MOST_MEMORY_BYTES, state["memory"]),
        "cpu": (state["cpu"] < MOST_CPU, state["cpu"]),
        "event_loop": (state["loop_lag"] < MOST_LAG_S, state["loop_lag"]),
        "events": (services.bus.queued < MOST_QUEUED, services.bus.queued),
        "warm_up": (warm, f"{state['warmup_current']} of {state['warmup_total']}"),
        "protection": (not unprotected, unprotected),
        "release": (state["release_valid"], state["release"]),
        "alerts": (
            services.alerts.failing_s < MOST_UNDELIVERED_S,
            {
                "waiting": services.ledger.counts()["alerts_waiting"],
                "failing_s": round(services.alerts.failing_s, 1),
            },
        ),
        "entries": (x.trading_state.entries, x.trading_state.why or "on"),
    }
    report = {name: {"ok": ok, "value": value} for name, (ok, value) in checks.items()}
    return {"ok": all(ok for ok, _ in checks.values()), "checks": report}
