"""Take the picture of the dashboard: the real executor in a replay, with an open position.

    python -m tests.dashboard.picture [--out docs/images/dashboard.png]

Needs Chromium. The replay stands still while the picture is taken.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
from pathlib import Path

from tests.browser.pages import chromium
from tests.dashboard.test_browser import logged_in, served
from tests.executor.harness import DEADLINE_S, Bench, Replay, utc
from tests.waiting import until

HELD = "select count(*) as n from positions where closed_at is null and protected_at is not null"
WIDTH = 1200


def main() -> None:
    """Replay until positions are protected, and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images/dashboard.png"))
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), Replay(utc("2025-06-20T14:00"), 8.0))
        try:
            bench.start()
            until(
                "two positions with stops",
                lambda: bench.written() and bench.rows(HELD)[0]["n"] == 2,
                DEADLINE_S,
            )
            os.kill(bench.sandbox_pid, signal.SIGSTOP)
            with chromium() as browser, served(bench) as address:
                page, _ = logged_in(browser, address, WIDTH)
                page.wait_for_selector("table[data-part=health] tbody tr")
                page.screenshot(path=out, clip={"x": 0, "y": 0, "width": WIDTH, "height": 844})
            os.kill(bench.sandbox_pid, signal.SIGCONT)
        finally:
            bench.close()


if __name__ == "__main__":
    main()
