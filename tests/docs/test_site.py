"""The site of the documents: every page is in its menu, and it builds."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_documents import ROOT

SETTINGS = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]


def pages(menu: list[dict[str, Any]]) -> list[str]:
    """Return the files that a menu names."""
    found = []
    for item in menu:
        for target in item.values():
            found += pages(target) if isinstance(target, list) else [target]
    return found


def test_the_menu_names_every_page_once() -> None:
    named = pages(SETTINGS["nav"])
    there = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(named) == sorted(["README.md", *(p for p in there if not p.endswith(".ko.md"))])


def test_make_docs_builds_a_page_for_each_document_without_a_broken_link(tmp_path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (copying,) = re.findall(r"^docs:.*\n\t@(.*)$", makefile, re.MULTILINE)
    for name in ("zensical.toml", "LICENSE", *(path.name for path in ROOT.glob("*.md"))):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    build = f"{shlex.quote(sys.executable)} -m zensical build --clean"
    built = subprocess.run(
        ["bash", "-euc", f"{copying}\n{build}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    site = tmp_path / SETTINGS["site_dir"]
    for page in pages(SETTINGS["nav"]):
        name = page.replace("README.md", "index.html").replace(".md", ".html")
        assert (site / name).is_file()
    assert "does not exist" not in built.stdout + built.stderr


@pytest.mark.parametrize("page", ["tutorial.md", "coming-from-freqtrade.md", "faq.md"])
def test_a_reader_finds_the_page_in_the_readme_or_the_index(page: str) -> None:
    assert page in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
