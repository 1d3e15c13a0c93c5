"""The strategy and the parameters of a command: `--strategy`, `--preset`, `--set`."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading.errors import ParameterError, SettingsError

if TYPE_CHECKING:
    from trading.strategies.base import Strategy
    from trading.strategies.parameters import Value

FILE_VARIABLE = "NOCTURNE_PRESETS_FILE"
_PROJECT = Path(__file__).resolve().parents[2]
MAKER = "maker"
ENSEMBLE = "ensemble"
_KEYS = {"summary", "strategy", "params", "objective"}


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of parameters, the strategy that it is for, and what a search ranks by."""

    name: str
    summary: str
    strategy: str
    params: dict[str, Value]
    objective: str | None = None


def presets_file() -> Path:
    """Return ``config/presets.toml``, or the file named by ``NOCTURNE_PRESETS_FILE``."""
    return Path(os.environ.get(FILE_VARIABLE, _PROJECT / "config" / "presets.toml"))


def read_presets() -> dict[str, Preset]:
    """Read all presets by name; `SettingsError` names the file and the preset that is wrong."""
    path = presets_file()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"presets file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"presets file {path} is not TOML: {error}") from error
    return {name: _preset(path, name, table) for name, table in tables.items()}


def _preset(path: Path, name: str, table: Any) -> Preset:
    where = f"presets file {path}, preset '{name}'"
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: {table!r} is outside a preset; write [{name}]")
    if unknown := sorted(set(table) - _KEYS):
        raise SettingsError(
            f"{where}: {unknown[0]} is not known; it has {', '.join(sorted(_KEYS))}"
        )
    if "strategy" not in table:
        raise SettingsError(f'{where} names no strategy; add strategy = "breakout"')
    params = table.get("params", {})
    if not isinstance(params, dict):
        raise SettingsError(f"{where}: params is not a table; write [{name}.params]")
    objective = table.get("objective")
    return Preset(
        name,
        str(table.get("summary", "")),
        str(table["strategy"]),
        dict(params),
        None if objective is None else str(objective),
    )


def find_preset(name: str) -> Preset:
    """Return the preset ``name``; `SettingsError` lists the known names otherwise."""
    presets = read_presets()
    if name not in presets:
        known = ", ".join(sorted(presets))
        raise SettingsError(f"preset '{name}' is not known; {presets_file()} has {known}")
    return presets[name]


def measure_of(given: str | None, preset: str | None, usual: str) -> str:
    """Return the measure to rank by: the given one, else the preset's objective, else ``usual``."""
    if given is not None:
        return given
    objective = find_preset(preset).objective if preset is not None else None
    return objective or usual


def find_strategy(reference: str) -> Strategy:
    """Return a strategy by name, or by ``package.module:Class`` (installed or in this folder)."""
    from trading.strategies.registry import get_strategy, load_strategy

    if ":" not in reference:
        return get_strategy(reference)
    # The installed command does not search the working folder for modules.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return load_strategy(reference)


def is_maker(strategy: str | None, preset: str | None) -> bool:
    """Tell whether the options name the market-maker grid."""
    if strategy is not None:
        return strategy == MAKER
    return preset is not None and find_preset(preset).strategy == MAKER


def choose(
    strategy: str | None, preset: str | None, settings: Sequence[str], searched: Sequence[str] = ()
) -> tuple[Strategy, dict[str, Value]]:
    """Return the strategy and its fixed parameters.

    ``settings`` override the preset; the ``searched`` names are left out of it.
    """
    from cli.backtesting.results import parse_settings

    found = find_preset(preset) if preset is not None else None
    name = strategy or (found.strategy if found else None)
    if name is None:
        raise ParameterError("no strategy is given; add --strategy NAME or --preset NAME")
    if name == MAKER:
        raise ParameterError(
            "maker is simulated only and has no signals to probe; run it with"
            " `nocturne backtest --strategy maker` or `nocturne search --strategy maker`"
        )
    if name == ENSEMBLE:
        raise ParameterError(
            "ensemble takes no preset; run `nocturne backtest --strategy ensemble` or"
            " `nocturne search --strategy ensemble`, with its rules given by --set"
        )
    chosen = find_strategy(name)
    given = parse_settings(settings, chosen)
    if found is None:
        chosen.refuse_idle(given, searched)
        return chosen, given
    where = f"preset '{found.name}'"
    from_preset = {
        key: chosen.parameter(key).parse(value, where)
        for key, value in found.params.items()
        if key not in searched
    }
    # A preset may bring stops that its mode ignores; only options given here must have an effect.
    chosen.refuse_idle({"filters": from_preset.get("filters", "on"), **given}, searched)
    return chosen, {**from_preset, **given}
