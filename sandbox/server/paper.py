"""The paper market in the background: started, found again and stopped by its folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trading.errors import SettingsError, VenueError

READY_S, STOP_S, ASK_S = 90.0, 30.0, 5.0
EVERY_S = 0.05
READY = "listening on "


@dataclass(frozen=True, slots=True)
class PaperMarket:
    """A paper market whose state, ledger and log are in ``folder``."""

    folder: Path

    @property
    def _note(self) -> Path:
        return self.folder / "paper.json"

    @property
    def _log(self) -> Path:
        return self.folder / "paper.log"

    def running(self) -> tuple[int, str] | None:
        """Return process id and URL of the market, None when it does not run."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            pid, url = int(note["pid"]), str(note["url"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        # A process id may have been given to another process: the market must answer too.
        return (pid, url) if _alive(pid) and self._answers(url) else None

    def _answers(self, url: str) -> bool:
        with suppress(VenueError):
            return bool(fetch(url).get("live"))
        return False

    def start(self, options: Sequence[str]) -> str:
        """Start the market with these options of `sandbox serve`; return its URL when it is ready.

        What was traded before continues. ``SettingsError`` when one runs already.
        """
        found = self.running()
        if found is not None:
            text = f"a paper market runs already at {found[1]}; stop it first"
            raise SettingsError(f"{self.folder}: {text}")
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "cli", "sandbox", "serve", "--live", *options,
            "--state", str(self.folder / "exchange.sqlite"),
            "--ledger", str(self.folder / "ledger.sqlite"),
        ]  # fmt: skip
        with self._log.open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        url = self._await_url(process)
        self._note.write_text(json.dumps({"pid": process.pid, "url": url}), encoding="utf-8")
        return url

    def _await_url(self, process: subprocess.Popen[bytes]) -> str:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and process.poll() is None:
            for line in self._log.read_text(encoding="utf-8").splitlines():
                if line.startswith(READY):
                    return line.removeprefix(READY)
            time.sleep(EVERY_S)
        process.terminate()
        text = self._log.read_text(encoding="utf-8").strip()
        raise VenueError(f"the paper market did not start: {text[-500:] or 'no answer in time'}")

    def stop(self) -> str:
        """Stop the market and return its URL; its state stays. ``SettingsError`` if none runs."""
        found = self.running()
        if found is None:
            raise SettingsError(f"{self.folder}: no paper market runs there")
        pid, url = found
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while _alive(pid):
            if time.monotonic() > deadline:
                raise VenueError(f"the paper market (process {pid}) does not end; see {self._log}")
            time.sleep(EVERY_S)
        self._note.unlink(missing_ok=True)
        return url


def _alive(pid: int) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of this process that has ended
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def fetch(url: str) -> dict[str, Any]:
    """Fetch the status of the market at ``url``; ``VenueError`` when none answers."""
    try:
        with urllib.request.urlopen(f"{url}/sandbox/status", timeout=ASK_S) as answer:
            document: dict[str, Any] = json.load(answer)
            return document
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise VenueError(f"{url}: no paper market answers there ({error})") from error
