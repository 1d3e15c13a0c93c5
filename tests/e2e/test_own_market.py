"""A first night on one's own market: the archive from a mirror, a killed download, a release."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lake.releases import current_release
from lake.store import Lake
from lake.tables import RAW_CANDLES
from tests.flows.sources.mirror import Mirror, serving, zip_of

PROJECT = Path(__file__).resolve().parents[2]
REAL = PROJECT.parent / "shared" / "data" / "binance_archive"
BUNDLED = PROJECT / "data_lake" / "sample" / "binance_archive"
SYMBOLS = ("NEARUSDT", "FILUSDT")
NOWHERE = "http://127.0.0.1:9"
DEADLINE_S = 3_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(DEADLINE_S)]


def archive() -> tuple[Mirror, str]:
    """Return a mirror of both symbols, and its last day.

    Without the exchange's own files of both, the bundled ones stand for them under both names.
    """
    mirror = Mirror()
    real = REAL.is_dir()
    months = ("2023-08", "2023-09", "2023-10") if real else ("2023-08", "2023-09")
    for symbol in SYMBOLS:
        for month in months:
            place = f"futures/um/monthly/klines/{symbol}/1m/{symbol}-1m-{month}.zip"
            if real:
                data = (REAL / place).read_bytes()
            else:
                with zipfile.ZipFile(BUNDLED / place.replace(symbol, "FILUSDT")) as bundled:
                    text = bundled.read(bundled.namelist()[0]).decode()
                data = zip_of(f"{symbol}-1m-{month}.csv", text)
            mirror.replace(f"data/{place}", data)
    return mirror, "2023-10-31" if real else "2023-09-30"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli", *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Return what a newcomer's shell has: no settings file of another."""
    (folder / "research.toml").touch()
    return {
        **os.environ,
        "NOCTURNE_RESEARCH_FILE": str(folder / "research.toml"),
        "NOCTURNE_RESEARCH_WORK": str(folder / "work"),
    }


async def test_a_newcomers_first_night_ends_with_a_release_and_a_report(tmp_path: Path) -> None:
    mirror, last_day = archive()
    lake = Lake(tmp_path / "lake")
    place = ("--lake", str(lake.root))
    env = environment(tmp_path)
    async with serving(mirror):
        download = command(
            "download",
            *("--symbols", ",".join(SYMBOLS)),
            *("--from", "2023-08-01", "--to", last_day),
            *("--source-url", mirror.url, "--rest-url", NOWHERE, *place),
        )
        mirror.slow_s = 0.05
        size = sum(len(data) for path, data in mirror.files.items() if path.endswith(".zip"))
        process = subprocess.Popen(download, cwd=PROJECT, env=env, stderr=subprocess.DEVNULL)
        async with asyncio.timeout(120):
            while mirror.chunks < size // (1 << 17) // 2:
                assert process.poll() is None
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        assert process.returncode == -signal.SIGKILL
        mirror.slow_s = 0.0
        second = await asyncio.to_thread(
            subprocess.run, download, cwd=PROJECT, env=env, capture_output=True, text=True
        )
    assert second.returncode == 0, second.stdout + second.stderr
    end = datetime.fromisoformat(f"{last_day}T23:59").replace(tzinfo=UTC)
    minutes = int((end - datetime(2023, 8, 1, tzinfo=UTC)).total_seconds()) // 60 + 1
    for symbol in SYMBOLS:
        times = lake.read(RAW_CANDLES, ["open_time"], None, symbol=symbol)
        assert times.num_rows == minutes, second.stdout
    assert not list((lake.root / "downloads").rglob("*.zip*"))

    nightly = await asyncio.to_thread(
        subprocess.run,
        command("flow", "nightly", "--server", "none", *place),
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
    )
    assert nightly.returncode == 0, nightly.stdout + nightly.stderr
    assert "The candles in the lake end on" in nightly.stdout + nightly.stderr
    assert "left out" not in nightly.stdout
    release = current_release(lake.published)
    found = {entry.symbol for entry in release.manifest.strategies}
    assert found == set(SYMBOLS)
    (report,) = (lake.root / "reports").glob("*.html")
    assert all(symbol in report.read_text(encoding="utf-8") for symbol in SYMBOLS)
