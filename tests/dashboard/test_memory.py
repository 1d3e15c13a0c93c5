"""The memory of the serving process, after a long day and with viewers on every page."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from dashboard.access.password import store_password
from dashboard.app import PAGES
from tests.dashboard.ledgers import DAY, add_position, make_ledger
from tests.executor.harness import ROOT
from tests.ports import free_port
from trading.candles import MINUTE_MS

PASSWORD = "correct horse battery"
DEADLINE_S = 100.0
MOST_MB = 60.0
TRADES = 600
SETTINGS = """mode = "replay"
account = "main"
[paths]
published = "{folder}/published"
state = "{folder}"
[venues.binance_usdm]
rest_url = "http://127.0.0.1:1"
ws_url = "ws://127.0.0.1:1"
"""


async def visit(port: int, pid: int) -> float:
    """Open every page, live, and return the resident memory (MB) while five viewers look on."""
    home = f"http://127.0.0.1:{port}"
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        form, origin = {"password": PASSWORD}, {"origin": home}
        async with http.post(f"{home}/login", data=form, headers=origin) as answer:
            assert answer.status == 200
        sockets = []
        for page in PAGES:
            async with http.get(f"{home}/{page}") as answer:
                assert answer.status == 200
            live = await http.ws_connect(f"{home}/live/{page}", origin=home, max_msg_size=0)
            for _ in range(3):
                assert (await live.receive()).type in (
                    aiohttp.WSMsgType.TEXT,
                    aiohttp.WSMsgType.BINARY,
                )
            sockets.append(live)
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        for live in sockets:
            await live.close()
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_all_pages_of_a_long_day_leave_it_below_its_limit(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.execute("begin")
        for number in range(10, 10 + TRADES):
            add_position(ledger, number, f"COIN{number % 20}USDT", DAY + number * MINUTE_MS)
    ledger.close()
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS.format(folder=tmp_path))
    store_password(tmp_path, PASSWORD)
    port = free_port()
    run = [sys.executable, "-m", "cli", "dashboard", "run", "--settings", str(settings)]
    with subprocess.Popen(
        [*run, "--port", str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            with socket.create_connection(("127.0.0.1", port), DEADLINE_S):
                resident_mb = asyncio.run(visit(port, process.pid))
        finally:
            process.terminate()
            process.wait(DEADLINE_S)
    print(f"{resident_mb:.1f} MB")
    assert resident_mb <= MOST_MB
