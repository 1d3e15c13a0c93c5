"""Make `report.png`, the first screen of the report in the README, from a lake after `make run`.

    .venv/bin/python docs/images/make_report_picture.py [LAKE]

It needs Chromium, and Pillow and playwright from the dev extra.
"""

from __future__ import annotations

import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("report.png")
WIDTH = 1120
COLOURS = 256
LARGEST = 250_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def newest_report(lake: Path) -> Path:
    """Return the newest report of a release in a lake."""
    reports = sorted((lake / "reports").glob("*Z-????????.html"))
    if not reports:
        raise SystemExit(f"{lake / 'reports'} holds no report: run `make run` first")
    return reports[-1]


def browser() -> str:
    """Return the first browser that is installed."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise SystemExit(f"none of {', '.join(BROWSERS)} is installed")


def first_screen(report: Path) -> bytes:
    """Return a picture of the page down to the end of its summary."""
    with sync_playwright() as driver:
        program = driver.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = program.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(report.resolve().as_uri())
        page.locator("#account-equity canvas").first.wait_for()
        bottom = page.evaluate("document.getElementById('execution').offsetTop")
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": float(bottom) - 10}
        picture: bytes = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]
        program.close()
    return picture


def main() -> None:
    """Write the picture, and refuse one that is too large for a README."""
    lake = Path(sys.argv[1] if len(sys.argv) > 1 else ".work/demo/lake")
    with Image.open(BytesIO(first_screen(newest_report(lake)))) as picture:
        fewer = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.FASTOCTREE)
    fewer.save(PICTURE, optimize=True)
    size = PICTURE.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{PICTURE} has {size} bytes, more than {LARGEST}: make WIDTH smaller")
    print(f"{PICTURE}: {size} bytes")


if __name__ == "__main__":
    main()
