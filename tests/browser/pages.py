"""A real browser for the tests: pages that note errors, and requests they should not make."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTHS = (390, 768, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SERIOUS = ("serious", "critical")


@dataclass
class Opened:
    """A page, and what it should not have done."""

    page: Page
    trouble: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a headless browser."""
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=PROGRAM, args=OPTIONS)
        yield found
        found.close()


def opened(
    browser: Browser, file: Path, width: int, scheme: Literal["light", "dark"] = "light"
) -> Opened:
    """Open a file; note messages of the console, errors, and requests for anything else."""
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    found = Opened(page)
    page.on("console", lambda message: found.trouble.append(message.text))
    page.on("pageerror", lambda error: found.trouble.append(str(error)))
    page.on(
        "request",
        lambda sent: None if sent.url == file.as_uri() else found.trouble.append(sent.url),
    )
    page.goto(file.as_uri())
    return found


def unfold(page: Page) -> None:
    """Open every fold and draw every chart."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.evaluate("Nocturne.drawAll()")


def serious_faults(page: Page) -> list[str]:
    """Return what axe finds serious or critical, with the elements."""
    violations: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in violations
        if one["impact"] in SERIOUS
    ]


CUT = """() => [...document.querySelectorAll('td, dd, .headline, h1, .scroll')]
  .filter(each => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1)
  .map(each => each.innerText.slice(0, 80))"""


def cut_texts(page: Page) -> list[str]:
    """Return the texts that do not fit: cells, figures, and tables wider than their frame."""
    found: list[str] = page.evaluate(CUT)
    return found


def readout(page: Page, key: str) -> str:
    """Return what the line above a chart says."""
    return page.locator(f"#{key}").locator("xpath=..").locator(".readout").inner_text()


def read_by_keys(browser: Browser, file: Path, key: str, keys: Sequence[str]) -> str:
    """Open a file, press keys on one of its charts, and return what the line above it says.

    Fails on a message of the console, an error or a request for anything else.
    """
    found = opened(browser, file, WIDTHS[-1])
    unfold(found.page)
    found.page.locator(f"#{key}").focus()
    for each in keys:
        found.page.keyboard.press(each)
    text = readout(found.page, key)
    assert found.trouble == []
    return text
