"""`--capital` and `--brackets`, which decide where a leveraged position is liquidated."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trading.errors import DataError, ParameterError
from trading.positions.liquidation import MAJOR, Bracket, Margin, brackets_of


def margin_of(capital: float, file: Path | None, symbol: str) -> Margin:
    """Return the margin of ``symbol``."""
    return Margin(capital, MAJOR if file is None else read_brackets(file, symbol))


def read_brackets(path: Path, symbol: str) -> tuple[Bracket, ...]:
    """Read the brackets of ``symbol`` from a JSON file, ascending.

    The file holds the venue's response (a list of symbols with their brackets, or one symbol), or
    an ``instruments.json`` with that under ``leverageBrackets``. A file of one symbol serves for
    any. `DataError` names the file and what is wrong with it.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"brackets file {path} cannot be read: {error}") from error
    listed = _symbols_of(document)
    if not listed:
        raise DataError(f"brackets file {path} lists no brackets; give a leverageBracket response")
    if len(listed) > 1 and symbol not in listed:
        raise DataError(
            f"brackets file {path} has no {symbol} (the name of the candle file); it has"
            f" {', '.join(sorted(listed))}"
        )
    rows = listed.get(symbol, next(iter(listed.values())))
    try:
        return brackets_of(_tier(row) for row in sorted(rows, key=lambda row: row["notionalFloor"]))
    except ParameterError as error:
        raise DataError(f"brackets file {path}, {symbol}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"brackets file {path}: a bracket of {symbol} lacks {error} as a number; give a"
            " leverageBracket response"
        ) from error


def _symbols_of(document: Any) -> dict[str, Any]:
    """Return the rows of brackets by symbol, whatever the form of the document."""
    if isinstance(document, Mapping):
        document = document.get("leverageBrackets", [document])
    if not isinstance(document, list):
        return {}
    return {
        str(item["symbol"]): item["brackets"]
        for item in document
        if isinstance(item, Mapping) and "symbol" in item and item.get("brackets")
    }


def _tier(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return leverage, cap (infinite if there is none) and rate of one bracket."""
    cap = math.inf if row["notionalCap"] is None else float(row["notionalCap"])
    return float(row["initialLeverage"]), cap, float(row["maintMarginRatio"])
