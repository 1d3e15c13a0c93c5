"""The tree names no machine: no package-registry host, no path of somebody's disk."""

from __future__ import annotations

import re

from tests.house.source import PROJECT, committed

HOSTS = re.compile(
    r"pypi\.org|pythonhosted|artifactory|jfrog|devpi|sonatype|registry\.npmjs|anaconda\.org"
    r"|(?:index|find)-(?:url|links)[ =]+\S*://",
    re.IGNORECASE,
)
PATHS = re.compile(r"(?<![\w./$}\])-])/(?:home|root|Users|mnt|work|workspace|srv)/[A-Za-z]")
ITSELF = "tests/house/test_traces.py"


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """The committed lines that match, with their place."""
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in committed()
        if str(name) != ITSELF
        for number, line in enumerate(
            (PROJECT / name).read_text(encoding="utf-8", errors="replace").splitlines(), start=1
        )
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(HOSTS) == []


def test_no_file_names_a_path_of_a_machine() -> None:
    assert lines_with(PATHS) == []


def test_a_trace_would_be_found() -> None:
    assert HOSTS.search("--index-url https://example.test/simple")
    assert PATHS.search('Path("/home/somebody/data")')
    assert not PATHS.search("https://example.test/home/page")
