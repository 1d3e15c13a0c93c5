"""CI, hooks and the Makefile run the same checks, and the version is written in one place."""

from __future__ import annotations

import re
import tomllib

import yaml

from tests.house.source import PROJECT

MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")


def recipe(target: str) -> list[str]:
    """The commands of a target."""
    body = re.split(rf"^{target}:.*\n", MAKEFILE, maxsplit=1, flags=re.MULTILINE)[1]
    lines = body.splitlines()
    return [line.strip() for line in lines[: next(i for i, x in enumerate(lines) if x == "")]]


def test_ci_only_calls_targets_of_the_makefile() -> None:
    jobs = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    targets = [re.fullmatch(r"make ([a-z-]+)", command) for command in commands]
    assert all(targets), commands
    known = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert {target[1] for target in targets if target} <= known


def test_the_hooks_are_the_linters_of_the_makefile() -> None:
    repos = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    hooks = {hook["entry"].removeprefix(".venv/bin/") for hook in repos[0]["hooks"]}
    lint = [line.removeprefix("$(VENV)/") for line in recipe("lint")]

    def tool(command: str) -> str:
        words = [word for word in command.split() if not word.startswith("-")]
        return " ".join(words[:2]) if words[0] in ("ruff", "python") else words[0]

    assert {tool(entry) for entry in hooks} == {tool(command) for command in lint}


def test_the_changelog_has_the_version_of_the_package() -> None:
    package = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", changes, re.MULTILINE)[0]
    assert package["version"] == newest
    assert package["license"] == "MIT"
    assert (PROJECT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
