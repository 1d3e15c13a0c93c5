"""Figures for Prometheus, and health, over HTTP."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from executor.operations.health import health
from executor.operations.metrics import MetricsServer
from executor.operations.status import Status
from executor.runtime.histogram import Histogram
from executor.settings import MetricsSettings, Settings
from tests.executor.fakes import FakeVenue, executor_on, settled, signal


def figures(text: str) -> dict[str, float]:
    """The samples as Prometheus itself reads them, by name and labels."""
    return {
        sample.name + "".join(f" {k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_tell_orders_positions_and_latency(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        server = MetricsServer(executor, Status(executor), 0)
        url = await server.start()
        assert url.startswith("http://127.0.0.1:")
        try:
            signal(executor)
            await settled(executor)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{url}/metrics") as answer:
                    assert answer.content_type == "text/plain"
                    text = await answer.text()
                async with session.get(f"{url}/health") as answer:
                    report = await answer.json()
                    assert answer.status == 503
        finally:
            await server.stop()
    known = figures(text)
    assert known["nocturne_orders_total"] == 3  # entry, stop, take-profit
    assert known["nocturne_fills_total"] == 1
    assert known["nocturne_positions_open"] == 1
    assert known["nocturne_positions_unprotected"] == 0
    assert known["nocturne_equity asset=USDT venue=binance_usdm"] == 10_000
    assert known["nocturne_order_seconds_count"] == 3
    assert known["nocturne_order_seconds_bucket le=+Inf"] == 3
    assert known["nocturne_event_loop_lag_seconds"] == 0
    assert known["nocturne_memory_bytes"] > 1e6
    assert not report["checks"]["user_stream"]["ok"]


async def test_a_late_event_loop_and_a_busy_processor_are_ill(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        status = Status(executor)
        well = health(executor, status)["checks"]
        assert well["cpu"]["ok"]
        assert well["event_loop"] == {"ok": True, "value": 0.0}
        measuring = asyncio.create_task(status.loop_lag.run())
        await asyncio.sleep(0)
        time.sleep(1.0)  # blocks the loop past the next look
        async with asyncio.timeout(10):
            while not status.loop_lag.most_s:
                await asyncio.sleep(0)
        measuring.cancel()
        ill = health(executor, status)["checks"]["event_loop"]
        assert not ill["ok"]
        assert ill["value"] >= 0.4


def test_buckets_are_cumulative_and_hold_their_upper_bound() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(value)
    assert histogram.buckets() == [("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)]
    assert histogram.sum == 12.0


def test_without_a_port_nothing_listens() -> None:
    assert MetricsSettings().port is None
    assert Settings.model_fields["metrics"].default == MetricsSettings()
    with pytest.raises(ValueError, match="less than or equal to 65535"):
        MetricsSettings(port=70_000)
