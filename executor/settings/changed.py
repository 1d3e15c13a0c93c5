"""Settings that an operator changed by command: a small file of the executor's own.

They stand above the settings file and below `.env` and the environment, over restarts, until they
are undone. Each value is kept as the text that was given: TOML, or else plain text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from executor.settings.overrides import value_of
from trading.errors import SettingsError

FILE = "changed_settings.json"


def read_changed(state: Path) -> dict[str, str]:
    """Return the changed settings of an executor by dotted name; none where nobody changed any.

    Raises:
        SettingsError: the file cannot be read or holds anything else.
    """
    file = state / FILE
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(file) from error
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise _unusable(file)
    return found


def write_changed(state: Path, changed: Mapping[str, str]) -> None:
    """Keep the changed settings; a kill at any moment leaves the old file or the new one."""
    state.mkdir(parents=True, exist_ok=True)
    file, beside = state / FILE, state / f"{FILE}.tmp"
    with beside.open("w", encoding="utf-8") as out:
        json.dump(dict(sorted(changed.items())), out, indent=2)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    folder = os.open(state, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def values_of(changed: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that the texts stand for, by dotted name."""
    return {name: value_of(text) for name, text in changed.items()}


def _unusable(file: Path) -> SettingsError:
    return SettingsError(
        f"changed settings {file} cannot be read; remove the file to go back to those of the"
        " settings file"
    )
