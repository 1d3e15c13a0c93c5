"""What the documents say is true: links lead somewhere, and commands exist or are run.

A fenced block ``console`` shows commands after ``$ ``: each `nocturne` command is parsed by the
real command line, each `make` target must exist. A block ``console run`` is executed as well, in a
temporary folder that holds the bundled sample, and every command in it must exit with 0.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer

from cli.main import app
from executor.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
LONG = {"search.md"}  # its commands search for ten seconds and more
FOLDERS = (
    "trading|lake|sql|flows|executor|sandbox|cli|config|tests|benchmarks|scripts|docs|data_lake"
)
PATH = re.compile(rf"`((?:{FOLDERS})/[^`<*\s]*)`")
MADE_BY_THE_USER = {
    "config/.env",
    "config/research.toml",
    "config/settings.toml",
    "config/replay.toml",
    "data_lake/reports/",
    "trading/strategies/technical/rises.py",
}
DEADLINE_S = 600.0
"""Of a block of commands, on a busy machine; how long they take is measured in benchmarks."""
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One line of a console block, without its ``$``."""

    document: Path
    text: str
    run: bool

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}: {self.text}"


def commands() -> Iterator[Command]:
    for document in DOCUMENTS:
        for block in FENCE.finditer(document.read_text(encoding="utf-8")):
            words = block["info"].split()
            if words[:1] != ["console"]:
                continue
            for line in block["body"].replace("\\\n", " ").splitlines():
                if line.startswith("$ "):
                    yield Command(document, " ".join(line[2:].split()), "run" in words[1:])


COMMANDS = list(commands())


def tool(command: Command) -> str:
    """Return the program that a line calls, without a path."""
    return Path(shlex.split(command.text, comments=True)[0]).name


def of_tool(name: str) -> list[object]:
    return [pytest.param(found, id=str(found)) for found in COMMANDS if tool(found) == name]


def links(document: Path) -> list[str]:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    return [one or two for one, two in LINK.findall(text)]


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings: lower case, words joined by dashes."""
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    plain = [re.sub(r"[`*]", "", heading).lower() for heading in HEADING.findall(text)]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_of_the_project(document: Path) -> None:
    broken = []
    for link in links(document):
        path, _, anchor = unquote(link).partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (document.parent / path).resolve() if path else document
        there = target.is_relative_to(ROOT) and target.exists()
        if not there or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    named = PATH.findall(FENCE.sub("", document.read_text(encoding="utf-8")))
    missing = {path for path in named if not (ROOT / path).exists()} - MADE_BY_THE_USER
    assert {path for path in missing if not re.search(r"\b[A-Z]{4,}\b", path)} == set()


def test_both_readmes_have_the_same_sections_links_and_commands() -> None:
    english, korean = ROOT / "README.md", ROOT / "README.ko.md"

    def outline(path: Path) -> tuple[int, list[str], list[str]]:
        text = FENCE.sub("", path.read_text(encoding="utf-8"))
        local = [
            link.replace(".ko.md", ".md") for link in links(path) if not link.startswith("README")
        ]
        own = [found.text for found in COMMANDS if found.document == path]
        return len(HEADING.findall(text)), sorted(local), own

    assert outline(english) == outline(korean)


KOREAN_PAGES = sorted((ROOT / "docs").glob("*.ko.md"))


@pytest.mark.parametrize("korean", KOREAN_PAGES, ids=lambda path: str(path.name))
def test_a_korean_page_keeps_step_with_the_english_one(korean: Path) -> None:
    english = korean.with_name(korean.name.replace(".ko.md", ".md"))

    def outline(path: Path) -> tuple[list[str], int, int, list[str]]:
        text = path.read_text(encoding="utf-8")
        plain = FENCE.sub("", text)
        fences = [found.group(0) for found in FENCE.finditer(text)]
        rows = sum(line.startswith("|") for line in plain.splitlines())
        local = sorted(
            link.replace(".ko.md", ".md") for link in links(path) if "한국어" not in link
        )
        own = [korean.name, english.name]
        return fences, len(HEADING.findall(plain)), rows, [n for n in local if n not in own]

    assert outline(korean) == outline(english)


def test_the_index_names_every_document() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    pages = {path for path in DOCUMENTS if path.is_relative_to(ROOT / "docs")} - {index}
    assert pages - linked == set()


@pytest.mark.parametrize("command", of_tool("nocturne"))
def test_a_documented_nocturne_command_exists_with_its_options(command: Command) -> None:
    words = shlex.split(command.text.removesuffix("&"), comments=True)[1:]
    node = typer.main.get_command(app)
    context = typer.Context(node, info_name="nocturne")
    while is_group(node) and words and not words[0].startswith("-"):
        found = node.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        context = typer.Context(found, parent=context, info_name=words[0])
        node, words = found, words[1:]
    if words == ["--help"] or (is_group(node) and not words):
        return
    node.make_context(context.info_name, words, parent=context.parent)


def is_group(node: Any) -> bool:
    """Whether a command has commands of its own (Typer brings its own copy of click's classes)."""
    return hasattr(node, "list_commands")


@pytest.mark.parametrize("command", of_tool("make"))
def test_a_documented_make_target_exists(command: Command) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [word for word in shlex.split(command.text, comments=True)[1:] if "=" not in word]
    assert targets
    for target in targets:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("command", [*of_tool("cp"), *of_tool("install")])
def test_a_documented_copy_has_its_source(command: Command) -> None:
    *_, source, _ = shlex.split(command.text, comments=True)
    assert (ROOT / source).is_file()


def test_the_example_settings_are_accepted_by_the_executor() -> None:
    assert load_settings(ROOT / "config" / "settings.example.toml").mode != "live"


def test_an_unknown_option_would_be_found() -> None:
    wrong = Command(ROOT / "README.md", "nocturne strategies list --no-such-option", False)
    with pytest.raises(Exception, match="No such option"):
        test_a_documented_nocturne_command_exists_with_its_options(wrong)


def blocks_to_run() -> list[object]:
    """Return the commands to run of each document; what two documents share runs once."""
    found: dict[tuple[str, ...], Path] = {}
    for path in DOCUMENTS:
        lines = tuple(c.text for c in COMMANDS if c.document == path and c.run)
        if lines:
            found.setdefault(lines, path)
    return [
        pytest.param(list(lines), id=path.name, marks=[pytest.mark.slow] * (path.name in LONG))
        for lines, path in found.items()
    ]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """Make a folder with the sample and the configuration where the documents expect them."""
    (tmp_path / "data_lake").mkdir()
    (tmp_path / "data_lake" / "sample").symlink_to(ROOT / "data_lake" / "sample")
    (tmp_path / "config").symlink_to(ROOT / "config")
    return tmp_path


@pytest.mark.timeout(DEADLINE_S + 60.0)
@pytest.mark.parametrize("lines", blocks_to_run())
def test_commands_marked_to_run_do_run(lines: list[str], workplace: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    end = time.monotonic() + DEADLINE_S
    for line in lines:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=workplace,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=end - time.monotonic(),
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
