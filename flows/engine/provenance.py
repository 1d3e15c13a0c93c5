"""Where a result comes from: the commit and the content of the code that computed it."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
from collections.abc import Mapping
from typing import Any

from flows.settings import PROJECT

UNKNOWN_COMMIT = "unknown"


@functools.cache
def git_commit() -> str:
    """Return the project's commit, with ``-changed`` when files differ from it.

    Returns ``unknown`` where there is no git repository.
    """
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN_COMMIT
    return commit + ("-changed" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@functools.cache
def code_version(*modules: str) -> str:
    """Hash ``trading/`` and ``modules`` (paths in the project): the code that computes a result."""
    digest = hashlib.sha256()
    for path in (*sorted((PROJECT / "trading").rglob("*.py")), *(PROJECT / m for m in modules)):
        digest.update(path.relative_to(PROJECT).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def key_of(**parts: Any) -> str:
    """Hash ``parts`` (JSON values without NaN): equal inputs give equal keys."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def stable_json(data: Mapping[str, Any]) -> str:
    """Write JSON on one line with sorted keys: equal data gives equal text."""
    return json.dumps(dict(data), sort_keys=True, separators=(",", ":"), allow_nan=False)
