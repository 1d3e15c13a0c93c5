"""Make the pictures of the Prefect UI in `docs/flows.md` from a night on the bundled sample.

    .venv/bin/python docs/images/make_prefect_pictures.py

It starts a Prefect server of its own, runs a night that has to leave a file out, opens the real UI
in Chromium and ends the server. It takes some minutes and needs playwright and Pillow from the dev
extra.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent
SIZE = (1280, 860)
COLOURS = 128
LARGEST = 150_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SETTLE_MS = 4000
DEADLINE_S = 600.0
"""A busy machine starts a server in minutes."""


def run_night(folder: Path, api: str) -> str:
    """Run a night against the server; return the id of its run."""
    sample = folder / "sample"
    shutil.copytree(ROOT / "data_lake" / "sample", sample)
    (sample / "BTCUSDT-1m-2025-04.zip").write_bytes(b"PK half an archive")
    command = [sys.executable, "-m", "cli", "flow", "nightly", "--as-of", "2025-06-19T00:00Z"]
    command += ["--lake", str(folder / "lake"), "--sample", str(sample), "--server", api]
    command += ["--settings", str(ROOT / "config" / "presets" / "demo.toml")]
    settings = {"NOCTURNE_RESEARCH_WORK": str(folder / "work")}
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **settings})
    runs = httpx.post(f"{api}/flow_runs/filter", json={}, timeout=DEADLINE_S).json()
    return str(next(run["id"] for run in runs if run["name"].startswith("nightly")))


def keep(page: Page, url: str, name: str) -> None:
    """Open an address of the UI, wait until it stands still, and write its picture."""
    page.goto(url, wait_until="load", timeout=DEADLINE_S * 1000)
    page.wait_for_load_state("networkidle", timeout=DEADLINE_S * 1000)
    page.wait_for_timeout(SETTLE_MS)
    path = FOLDER / f"prefect-{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    size = path.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{path.name} has {size} bytes, more than {LARGEST}")
    print(f"{path.name}: {size} bytes")


def main() -> None:
    """Write the pictures."""
    sys.path.insert(0, str(ROOT))
    from flows.hosting import server_process as servers

    servers.START_TIMEOUT_S = DEADLINE_S
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is installed")
    with (
        tempfile.TemporaryDirectory() as place,
        servers.server(Path(place) / "prefect") as api,
    ):
        run = run_night(Path(place), api)
        time.sleep(SETTLE_MS / 1000)  # the run's last log lines reach the server
        ui = api.removesuffix("/api")
        with sync_playwright() as driver:
            chromium = driver.chromium.launch(executable_path=browser, args=OPTIONS)
            page = chromium.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
            keep(page, f"{ui}/runs", "runs")
            keep(page, f"{ui}/runs/flow-run/{run}", "nightly")
            chromium.close()


if __name__ == "__main__":
    main()
