"""A copy of the project to add things to, and what CONTRIBUTING.md says about adding them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PARTS = (
    "trading",
    "lake",
    "sql",
    "flows",
    "executor",
    "sandbox",
    "cli",
    "config",
    "prefect.yaml",
    "prefect.toml",
    "pyproject.toml",
)


def section(title: str) -> str:
    """The text of a section of CONTRIBUTING.md."""
    return CONTRIBUTING.split(f"## {title}\n")[1].split("\n## ")[0]


def files_of(recipe: str) -> list[str]:
    """The files that a recipe's table names, in order."""
    return re.findall(r"^\| `([^`]+)` \|", section(recipe), re.MULTILINE)


def block(text: str, language: str) -> str:
    """The first fenced block of a language."""
    return text.split(f"```{language}\n")[1].split("```")[0]


@dataclass
class House:
    """A copy of the project in which commands run."""

    root: Path
    _before: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        for part in PARTS:
            source = PROJECT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "settings.toml", ".env")
                shutil.copytree(source, self.root / part, ignore=ignored)
            else:
                shutil.copy(source, self.root / part)
        (self.root / "data_lake").mkdir()
        (self.root / "data_lake" / "sample").symlink_to(PROJECT / "data_lake" / "sample")
        self._before = self._contents()

    def _contents(self) -> dict[str, str]:
        return {
            path.relative_to(self.root).as_posix(): sha256(path.read_bytes()).hexdigest()
            for part in PARTS
            for path in ([self.root / part, *(self.root / part).rglob("*")])
            if path.is_file() and "__pycache__" not in path.parts
        }

    def touched(self) -> list[str]:
        """The files that differ from the project's, sorted."""
        now = self._contents()
        names = {*now, *self._before}
        return sorted(name for name in names if now.get(name) != self._before.get(name))

    def write(self, path: str, text: str) -> None:
        """Add a file, or replace one."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def python(self, *arguments: str) -> str:
        """What Python prints, run in this copy; an error fails the test."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root), "NOCTURNE_LAKE": "lake_of_the_test"},
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def nocturne(self, *arguments: str) -> str:
        """What the command prints."""
        return self.python("-m", "cli", *arguments)
