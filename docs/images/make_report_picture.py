"""Make `report.png`, the picture of the report in the README, from a lake after `make run`.

    .venv/bin/python docs/images/make_report_picture.py [LAKE] [SYMBOL]

It needs Chromium, and Pillow from the dev extra. The picture shows the summary and `breakout` on
SYMBOL; the other sections are hidden.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURE = Path(__file__).with_name("report.png")
SIZE = (1120, 2040)
COLOURS = 256
LARGEST = 250_000
SHOW_ONLY = """<style>
main>section:not(#summary,#strategies),#strategies>:not(#{card}),footer{{display:none}}
section{{margin:22px 0}}html{{overflow:hidden}}
</style></head>"""
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


def main() -> None:
    """Write the picture, and refuse one that is too large for a README."""
    arguments = sys.argv[1:]
    lake = Path(arguments[0] if arguments else ".work/demo/lake")
    symbol = arguments[1] if len(arguments) > 1 else "BTCUSDT"
    html = newest_report(lake).read_text(encoding="utf-8")
    page = html.replace("</head>", SHOW_ONLY.format(card=f"breakout-{symbol}"), 1)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(page, encoding="utf-8")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
            f"--screenshot={PICTURE}",
            f"--window-size={SIZE[0]},{SIZE[1]}",
        ]
        subprocess.run(
            [browser(), *options, source.as_uri()], check=True, capture_output=True, timeout=120
        )
    with Image.open(PICTURE) as picture:
        fewer = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.FASTOCTREE)
    fewer.save(PICTURE, optimize=True)
    size = PICTURE.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{PICTURE} has {size} bytes, more than {LARGEST}: make SIZE smaller")
    print(f"{PICTURE}: {size} bytes")


if __name__ == "__main__":
    main()
