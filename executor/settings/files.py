"""Reading the settings file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from executor.settings.changed import FILE, read_changed, values_of
from executor.settings.overrides import apply_overrides, read_overrides
from executor.settings.sections import PathSettings, Settings, named_venues
from trading.errors import SettingsError

_PASSWORD = re.compile(r"(://[^\s/@:]*:).*(?=@)|(\bpassword=)[^\s&'\"]*")
"""The password of an address, which may have an ``@``, or of its query."""


def load_settings(
    path: Path,
    overrides: Mapping[str, Any] | None = None,
    changed: Mapping[str, str] | None = None,
) -> Settings:
    """Read and check a settings file with what stands above it.

    ``changed`` are the settings that an operator changed by command (default: those of the state
    folder), and ``overrides`` those of the environment and `.env` (default: as they are now), which
    win over both. Relative paths are relative to the file's folder.

    Raises:
        SettingsError: a file cannot be read, is not TOML, or a setting is unknown or out of bounds.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"settings file {path} cannot be read ({error.strerror}); pass --settings FILE"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"settings file {path} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"settings file {path} is not valid TOML: {error}") from error
    given = read_overrides(path) if overrides is None else overrides
    values = apply_overrides(values, given)
    base = path.resolve().parent
    state = _state(base, values)
    if changed is None:
        changed = read_changed(state) if state is not None else {}
    above = {name: value for name, value in values_of(changed).items() if name not in given}
    try:
        settings = Settings.model_validate(apply_overrides(named_venues(values), above))
    except ValidationError as error:
        if _names(error, above):
            raise SettingsError(
                f"changed settings {state}/{FILE}: {_first_problem(error)}"
            ) from error
        raise SettingsError(f"settings file {path}: {_first_problem(error)}") from error
    paths = PathSettings(
        published=(base / settings.paths.published).resolve(),
        state=(base / settings.paths.state).resolve(),
    )
    return settings.model_copy(update={"paths": paths})


def _state(base: Path, values: Mapping[str, Any]) -> Path | None:
    """Return the state folder; None where the settings do not name one, which is refused later."""
    paths = values.get("paths")
    state = paths.get("state") if isinstance(paths, dict) else None
    return (base / state).resolve() if isinstance(state, str) else None


def _names(error: ValidationError, changed: Mapping[str, Any]) -> bool:
    where = ".".join(str(part) for part in error.errors()[0]["loc"])
    return any(name == where or name.startswith(f"{where}.") for name in changed)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "settings"
    if problem["type"] == "extra_forbidden":
        return f"unknown setting {where!r}; remove it or correct its spelling"
    if problem["type"] == "missing":
        return f"setting {where!r} is missing"
    return (
        f"setting {where!r}: {problem['msg'].removeprefix('Value error, ')}, was {_shown(problem)}"
    )


def _shown(problem: Any) -> str:
    """The value as it may be shown: logs, alerts and the dashboard repeat it."""
    value = problem.get("input")
    if isinstance(value, dict):
        return "this combination"
    return _PASSWORD.sub(r"\1\2***", repr(value))
