"""Injecting faults into a running sandbox from another process."""

from __future__ import annotations

import json
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from sandbox.faults.injection import parse_fault
from trading.errors import SettingsError, VenueError

TIMEOUT_S = 10
WORDS = {"true": True, "false": False}


def inject_faults(
    url: str, kind: str, settings: list[str], file: Path | None, *, clear: bool
) -> str:
    """Clear, inject (one fault, or a scenario file) or list faults; return the response as JSON."""
    address = f"{url.rstrip('/')}/sandbox/fault"
    if clear:
        _ask(address, "DELETE", None)
    rows = _scenario(file) if file else []
    if kind:
        rows.append(parse_settings(kind, settings))
    for row in rows:
        parse_fault(row)
    answers = [_ask(address, "POST", row) for row in rows]
    return json.dumps(answers if rows else _ask(address, "GET", None), indent=2)


def parse_settings(kind: str, settings: list[str]) -> dict[str, Any]:
    """Build a fault from ``NAME=VALUE`` words."""
    values: dict[str, Any] = {"kind": kind}
    for text in settings:
        name, separator, value = text.partition("=")
        if not separator:
            raise SettingsError(f"fault setting {text!r}: write NAME=VALUE")
        values[name] = WORDS.get(value, value)
    return values


def _scenario(file: Path) -> list[dict[str, Any]]:
    try:
        rows = tomllib.loads(file.read_text(encoding="utf-8")).get("fault", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"--file {file}: not a readable TOML file ({error})") from error
    for row in rows:
        if "at" in row:
            raise SettingsError(f"--file {file}: 'at' belongs to `serve --faults`, not to a fault")
    return [dict(row) for row in rows]


def _ask(address: str, method: str, body: dict[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SettingsError(json.load(error)["error"]) from error
    except (OSError, ValueError) as error:
        raise VenueError(f"{address}: no sandbox answers there ({error})") from error
