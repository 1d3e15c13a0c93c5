"""`--capital` and `--brackets`: what decides where a position with leverage is liquidated."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trading.errors import DataError, ParameterError
from trading.positions.liquidation import MAJOR, Bracket, Margin, brackets_of


def margin_of(capital: float, file: Path | None, candles: Path) -> Margin:
    """The margin of the symbol that the file ``candles`` is named for."""
    return Margin(capital, MAJOR if file is None else read_brackets(file, candles.stem))


def read_brackets(path: Path, symbol: str) -> tuple[Bracket, ...]:
    """The brackets of ``symbol`` in a JSON file, ascending.

    The file holds the venue's answer (a list of symbols with their brackets, or one of them), or an
    ``instruments.json`` with that under ``leverageBrackets``. A file of one symbol is that of any.
    `DataError` names the file and what is wrong with it.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"brackets file {path} cannot be read: {error}") from error
    listed = _symbols_of(document)
    if not listed:
        raise DataError(f"brackets file {path} lists none; give what leverageBracket answers")
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
            f"brackets file {path}: a bracket of {symbol} lacks {error} as a number; give what"
            " leverageBracket answers"
        ) from error


def _symbols_of(document: Any) -> dict[str, Any]:
    """Rows of brackets by symbol, of any of the forms in which they are served."""
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
    """Leverage, cap (none: without end) and rate of one bracket."""
    cap = math.inf if row["notionalCap"] is None else float(row["notionalCap"])
    return float(row["initialLeverage"]), cap, float(row["maintMarginRatio"])
