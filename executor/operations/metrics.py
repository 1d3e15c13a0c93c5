"""Figures of a running executor for Prometheus, and its health, over HTTP on the loopback."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from executor.market_data.price_guard import SOURCES
from executor.operations.health import health

if TYPE_CHECKING:
    from aiohttp import web
    from prometheus_client.core import Metric

    from executor.builder import Executor
    from executor.operations.status import Status

HOST = "127.0.0.1"
CONTENT_TYPE = "text/plain; version=0.0.4"
PREFIX = "nocturne_"

Figure = tuple[str, str, str, float]
"""Name, kind, help and value."""


class ExecutorCollector:
    """Collects the figures of an executor when Prometheus asks for them."""

    def __init__(self, executor: Executor, status: Status) -> None:
        self._x = executor
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """All figures of this moment."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
        for name, kind, text, value in _figures(self._x, self._status):
            yield kinds[kind](PREFIX + name, text, value=float(value))
        portfolio = self._x.portfolio
        wallets = GaugeMetricFamily(
            f"{PREFIX}wallet", "What the wallet holds.", labels=("venue", "asset")
        )
        equity = GaugeMetricFamily(
            f"{PREFIX}equity",
            "The wallet, and what open positions add to it.",
            labels=("venue", "asset"),
        )
        for wallet in portfolio.wallets:
            wallets.add_metric(wallet, float(portfolio.balance(wallet).wallet))
            equity.add_metric(wallet, float(portfolio.equity_of(wallet)))
        yield wallets
        yield equity
        latency = self._x.order_manager.latency
        yield HistogramMetricFamily(
            f"{PREFIX}order_seconds",
            "Time from an order's request to certainty about it.",
            buckets=latency.buckets(),
            sum_value=latency.sum,
        )


def render(x: Executor, status: Status) -> str:
    """Everything in the text format of Prometheus."""
    # Imported on use: most executors serve no metrics.
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(ExecutorCollector(x, status))
    return generate_latest(registry).decode()


def _figures(x: Executor, status: Status) -> Iterator[Figure]:
    """Each figure without labels."""
    services = x.services
    counts = services.ledger.counts()
    holdings = [holding for holding in x.portfolio.holdings() if holding.filled]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    state = status.collect()
    yield "orders_total", "counter", "Orders in the ledger.", counts["orders"]
    yield "orders_rejected_total", "counter", "Orders that were refused.", counts["rejected"]
    yield "fills_total", "counter", "Trades in the ledger.", counts["fills"]
    yield "dead_letters_total", "counter", "Events that no handler took.", counts["dead_letters"]
    yield "alerts_waiting", "gauge", "Alerts not delivered yet.", counts["alerts_waiting"]
    yield "events_queued", "gauge", "Events that wait on the bus.", services.bus.queued
    yield "positions_open", "gauge", "Positions that are open.", len(holdings)
    unprotected = sum(1 for holding in holdings if not holding.protected)
    yield "positions_unprotected", "gauge", "Open without a confirmed stop.", unprotected
    yield "entries_on", "gauge", "1 when positions may be opened.", x.trading_state.entries
    yield "market_stream_up", "gauge", "1 when it is connected.", x.feed.up
    yield "market_stream_silent_seconds", "gauge", "Since its last message.", x.feed.silence_s
    yield "market_messages_total", "counter", "Messages of the market stream.", x.feed.messages
    for source in SOURCES:
        refused = x.feed.guard.refused[source]
        yield f"refused_{source}_total", "counter", f"Refused values: {source}.", refused
    yield "user_stream_up", "gauge", "1 when it is connected.", x.user_connections.up
    age = time.monotonic() - x.reconciler.last_ok_at
    yield "reconciliation_age_seconds", "gauge", "Since the last good comparison.", age
    yield "reconciliations_total", "counter", "Good comparisons.", x.reconciler.rounds
    yield "release_valid", "gauge", "1 when the release may open positions.", state["release_valid"]
    yield "cpu_seconds_total", "counter", "Processor time used.", usage.ru_utime + usage.ru_stime
    yield "memory_bytes", "gauge", "Resident memory.", state["memory"]
    yield "event_loop_lag_seconds", "gauge", "Most of the last minute.", status.loop_lag.most_s
    shock = x.shock.pauses_for_s
    yield "shock_pause_seconds", "gauge", "Left of the pause after a market shock.", shock


class MetricsServer:
    """Serves ``/metrics`` and ``/health`` to this machine only."""

    def __init__(self, executor: Executor, status: Status, port: int) -> None:
        self._x = executor
        self._status = status
        self._port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen; returns the address."""
        # Imported on use: the server part costs memory.
        from aiohttp import web

        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()
        address: Any = self._runner.addresses[0]
        return f"http://{address[0]}:{address[1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        from aiohttp import web

        return web.Response(
            text=render(self._x, self._status), headers={"Content-Type": CONTENT_TYPE}
        )

    async def _health(self, _: web.Request) -> web.Response:
        from aiohttp import web

        report = health(self._x, self._status)
        body = orjson.dumps(report, default=str)
        status = 200 if report["ok"] else 503
        return web.Response(body=body, status=status, content_type="application/json")
