"""Figures for Prometheus, and health, over HTTP."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

from executor.operations.metrics import MetricsServer
from executor.operations.status import Status
from executor.runtime.histogram import Histogram
from executor.settings import MetricsSettings, Settings
from tests.executor.fakes import FakeVenue, executor_on, settled, signal

LINE = re.compile(
    r'^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]+"(,\w+="[^"]+")?\})? [-+0-9.eE]+|\w+ [-+]?inf)$'
)


def figures(text: str) -> dict[str, float]:
    rows = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in rows}


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
    assert all(LINE.match(line) for line in text.splitlines()), text
    known = figures(text)
    assert known["nocturne_orders_total"] == 3  # entry, stop, take-profit
    assert known["nocturne_fills_total"] == 1
    assert known["nocturne_positions_open"] == 1
    assert known["nocturne_positions_unprotected"] == 0
    assert known['nocturne_equity{venue="binance_usdm",asset="USDT"}'] == 10_000
    assert known["nocturne_order_seconds_count"] == 3
    assert known['nocturne_order_seconds_bucket{le="+Inf"}'] == 3
    assert not report["checks"]["user_stream"]["ok"]


def test_buckets_are_cumulative_and_hold_their_upper_bound() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(value)
    assert list(histogram.lines("x", "Text."))[2:] == [
        'x_bucket{le="1.0"} 2',
        'x_bucket{le="2.0"} 3',
        'x_bucket{le="+Inf"} 4',
        "x_sum 12.000000",
        "x_count 4",
    ]


def test_without_a_port_nothing_listens() -> None:
    assert MetricsSettings().port is None
    assert Settings.model_fields["metrics"].default == MetricsSettings()
    with pytest.raises(ValueError, match="less than or equal to 65535"):
        MetricsSettings(port=70_000)
