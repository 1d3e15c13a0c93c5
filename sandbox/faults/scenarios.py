"""Scenario files: faults in TOML, by market time, at random (seeded) or at once."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.faults.injection import Faults, parse_fault
from sandbox.market.replay import Span
from trading.errors import SettingsError


def read_scenario(path: Path, faults: Faults, span: Span) -> list[dict[str, Any]]:
    """Read the faults of ``[[fault]]`` tables; ``seed`` at the top decides probabilities.

    ``at`` is a market time (a TOML date-time, UTC unless it names a zone) or a number of market
    seconds after the first replayed minute.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"--faults {path}: not a readable TOML file ({error})") from error
    unknown = set(document) - {"seed", "fault"}
    if unknown:
        raise SettingsError(
            f"--faults {path}: {sorted(unknown)[0]!r} is unknown; write seed and [[fault]]"
        )
    if "seed" in document:
        faults.reseed(int(document["seed"]))
    rows = []
    for row in document.get("fault", []):
        values = dict(row)
        values["at"] = _market_time(path, values.get("at", 0), span)
        parse_fault(values)
        rows.append(values)
    return rows


def _market_time(path: Path, value: object, span: Span) -> int:
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return int(moment.timestamp() * 1000)
    if isinstance(value, (int, float)):
        # A fault without a time happens at the first step.
        return span.begin + int(value * 1000)
    raise SettingsError(f"--faults {path}: at = {value!r} is neither a time nor seconds")
