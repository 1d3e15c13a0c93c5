"""Settings from the environment or from `.env`, which win over the file.

``NOCTURNE_RISK__DAILY_LOSS_LIMIT=0.05`` stands for ``daily_loss_limit = 0.05`` in ``[risk]``: the
section and the name, joined by two underscores. The value is TOML, or else a text.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from executor.runtime.env_file import read_env

PREFIX = "NOCTURNE_"
JOINT = "__"
OTHERS = "NOCTURNE_RESEARCH_"
"""Settings of the night shift, which may stand in the same environment."""


def read_overrides(
    settings_file: Path, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the overrides by dotted name; the environment wins over `.env`.

    Raises:
        SettingsError: others can read the `.env` file, or it cannot be read.
    """
    env_file = settings_file.resolve().parent / ".env"
    known = read_env(env_file) if env_file.exists() else {}
    known |= {k: v for k, v in (os.environ if environment is None else environment).items() if v}
    return {
        name.removeprefix(PREFIX).replace(JOINT, ".").lower(): value_of(text)
        for name, text in sorted(known.items())
        if name.startswith(PREFIX) and JOINT in name and not name.startswith(OTHERS)
    }


def apply_overrides(values: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the file with the overrides in their places."""
    found = {name: dict(v) if isinstance(v, dict) else v for name, v in values.items()}
    for dotted, value in overrides.items():
        *folders, name = dotted.split(".")
        place = found
        for folder in folders:
            inner = place.get(folder)
            place[folder] = dict(inner) if isinstance(inner, dict) else {}
            place = place[folder]
        place[name] = value
    return found


def value_of(text: str) -> Any:
    """Return what a text stands for: TOML, or else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
