"""A dashboard in its own process, its viewers, and a network between that can fail."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PASSWORD = "a password of the benchmark"
PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DEADLINE_S = 60.0
SETTINGS = """mode = "replay"
account = "benchmark"
[paths]
published = "{folder}/published"
state = "{folder}"
[venues.binance_usdm]
rest_url = "http://127.0.0.1:1"
ws_url = "ws://127.0.0.1:1"
"""


@contextmanager
def served(folder: Path, port: int) -> Iterator[int]:
    """Serve the dashboard of a state folder; yield its process id."""
    settings = folder / "settings.toml"
    settings.write_text(SETTINGS.format(folder=folder))
    command = [sys.executable, "-m", "cli", "dashboard"]
    given = ["--settings", str(settings)]
    subprocess.run(
        [*command, "password", *given], input=PASSWORD, text=True, check=True, timeout=60
    )
    run = [*command, "run", *given, "--port", str(port)]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(timeout=DEADLINE_S)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a headless browser."""
    with _profiles_in_memory(), sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=PROGRAM, args=OPTIONS)
        yield found
        found.close()


@contextmanager
def _profiles_in_memory() -> Iterator[None]:
    """A browser of another machine does not write to the disk on which the ledger is."""
    kept = os.environ.get("TMPDIR")
    if Path("/dev/shm").is_dir():
        os.environ["TMPDIR"] = "/dev/shm"
    yield
    os.environ.pop("TMPDIR", None)
    if kept is not None:
        os.environ["TMPDIR"] = kept


@dataclass
class Viewer:
    """A page, and what it should not have done."""

    page: Page
    address: str
    trouble: list[str] = field(default_factory=list)

    def open(self, name: str) -> None:
        """Open a page of the dashboard, until it is live."""
        self.page.goto(f"{self.address}/{name}")
        self.page.wait_for_selector("#stream.good", timeout=DEADLINE_S * 1000)


def viewer(browser: Browser, address: str) -> Viewer:
    """Log in; everything that is not the dashboard's own, and every message, is trouble."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(DEADLINE_S * 1000)
    found = Viewer(page, address)
    page.goto(f"{address}/login")
    page.on("console", lambda message: found.trouble.append(message.text))
    page.on("pageerror", lambda error: found.trouble.append(str(error)))
    page.on("request", lambda sent: found.trouble.extend(_foreign(sent.url, address)))
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#stream.good")
    return found


def _foreign(url: str, address: str) -> list[str]:
    return [] if url.startswith((address, "data:", address.replace("http", "ws"))) else [url]


class Network:
    """Forwards a port to the dashboard; while it is down, nothing arrives or is refused."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._up = threading.Event()
        self._up.set()
        self.passed = 0
        """Bytes that went to the browser."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(DEADLINE_S)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _forward(self, near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        far, onward = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            await asyncio.gather(
                self._pump(near, onward, rename=True), self._pump(far, answer, rename=False)
            )
        except OSError:
            pass  # either side went away
        finally:
            onward.close()
            answer.close()

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, rename: bool
    ) -> None:
        """Pass bytes on; requests name the dashboard's own port, as a proxy has them do."""
        while data := await source.read(65_536):
            while not self._up.is_set():
                await asyncio.sleep(0.01)
            if rename:
                data = re.sub(rb"(127\.0\.0\.1:)%d\b" % self.port, rb"\g<1>%d" % self._behind, data)
            else:
                self.passed += len(data)
            target.write(data)
            await target.drain()

    def go_down(self) -> None:
        """Hold everything back."""
        self._up.clear()

    def come_back(self) -> None:
        """Let everything through again."""
        self._up.set()

    def close(self) -> None:
        """Stop forwarding."""
        self._up.set()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(DEADLINE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)

    async def _end(self) -> None:
        self._server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process (MB)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
