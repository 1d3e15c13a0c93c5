"""The vendored libraries are exactly what the lock says, with their licenses."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = ("innerHTML", "eval(", "XMLHttpRequest", "import(", "http://", "https://")
VENDOR = ROOT / "web" / "vendor"


@pytest.fixture(scope="module")
def faults() -> Callable[[Path], list[str]]:
    found: Callable[[Path], list[str]] = runpy.run_path(str(ROOT / "scripts" / "vendor_web.py"))[
        "faults"
    ]
    return found


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(VENDOR, tmp_path / "vendor"))


def lock() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VENDOR / "vendor.lock").read_text(encoding="utf-8"))
    return found


def test_every_file_is_as_the_lock_says(faults: Callable[[Path], list[str]]) -> None:
    assert faults(VENDOR) == []


def test_a_changed_a_missing_and_a_foreign_file_are_found(
    faults: Callable[[Path], list[str]], copied: Path
) -> None:
    with (copied / "uplot" / "uplot.js").open("a") as file:
        file.write(" ")
    (copied / "uplot" / "LICENSE").unlink()
    (copied / "evil.js").write_text("1")
    found = faults(copied)
    assert len(found) == 3
    assert "uplot.js has SHA-256" in found[0]
    assert "LICENSE is missing" in found[1]
    assert "evil.js is not in vendor.lock" in found[2]


@pytest.mark.parametrize("name", lock())
def test_each_library_has_its_license_and_its_version(name: str) -> None:
    package = lock()[name]
    folder = VENDOR / name
    words = {"Apache-2.0": "Apache License", "MIT": "MIT License"}
    assert words[package["license"]] in (folder / "LICENSE").read_text(encoding="utf-8")
    assert package["version"].count(".") == 2
    assert package["integrity"].startswith("sha512-")
    assert package["notice"]


def test_the_page_credits_every_library() -> None:
    template = ROOT / "flows" / "report" / "templates" / "base.html.j2"
    text = template.read_text(encoding="utf-8")
    assert [name for name, one in lock().items() if one["notice"] not in text] == []


def test_the_assets_are_found_as_package_data() -> None:
    root = resources.files("web")
    assert (root / "charts" / "base.js").is_file()
    assert (root / "vendor" / "uplot" / "LICENSE").is_file()


def test_own_scripts_are_short_strict_and_ask_nobody_but_their_server() -> None:
    own = [path for folder in ("charts", "page") for path in (ROOT / "web" / folder).glob("*.js")]
    assert len(own) >= 7
    for path in own:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path
        assert '"use strict";' in text, path
        assert [word for word in FORBIDDEN if word in text] == [], path
        # The charts are part of the report, a file; a page may ask its own server.
        asked = re.findall(r"fetch\((.{0,2})", text)
        allowed = [] if path.parent.name == "charts" else ['"/'] * len(asked)
        assert asked == allowed, path
