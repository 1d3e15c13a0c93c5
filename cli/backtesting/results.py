"""What `nocturne search` and `nocturne backtest` share: settings in, measures out."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.tables import text_table
from trading.errors import DataError, ParameterError

if TYPE_CHECKING:
    from trading.metrics import Metrics
    from trading.research.grid import DeclaresParameters
    from trading.strategies.parameters import Value

STDOUT = "-"
SHOWN = (
    "total_return",
    "trades",
    "win_rate",
    "max_drawdown",
    "sharpe",
    "profit_factor",
)
_SHARES = {
    "total_return",
    "win_rate",
    "max_drawdown",
    "marked_drawdown",
    "exposure",
    "cagr",
    "expectancy",
    "worst_trade",
    "fees",
    "slippage",
    "funding",
}


def say(text: str) -> None:
    """Print a line of progress to standard error; standard output is for results."""
    print(text, file=sys.stderr, flush=True)


def parse_settings(texts: Sequence[str], strategy: DeclaresParameters) -> dict[str, Value]:
    """Parse ``--set NAME=VALUE``, typed and within the strategy's bounds."""
    settings: dict[str, Value] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            raise ParameterError(
                f"--set '{text}' has no value; write NAME=VALUE, for example k=0.5"
            )
        if name in settings:
            raise ParameterError(f"--set gives {name} twice; give it once")
        settings[name] = strategy.parameter(name).parse(value, f"--set '{text}'")
    return settings


def check_output(option: str, target: str | None) -> None:
    """Refuse a target that cannot be written before hours go into its content."""
    if target is None or (option == "--json" and target == STDOUT):
        return
    path = Path(target)
    if path.is_dir():
        raise DataError(f"{option} {target} is a folder; give the name of a file in it")
    if not path.parent.is_dir():
        raise DataError(f"{option} {target}: folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise DataError(f"{option} {target} is not writable; choose another path")


def enable_compiling() -> None:
    """Switch the compiled kernels on; the first use on a machine takes a while and says so."""
    from trading.jit.compiler import enable

    folder = enable()
    if folder is None:
        say("compiling (the cache folder is not writable, so each run compiles again) ...")
    elif not any(folder.rglob("*.nbi")):
        say(f"compiling for this machine, once (kept in {folder}) ...")


def measured(params: Mapping[str, Value], metrics: Metrics) -> dict[str, Any]:
    """Return one entry of ``results``; NaN and infinity, which JSON lacks, become null."""
    measures = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in metrics.as_dict().items()
    }
    return {"params": dict(params), **measures}


def write_json(target: str | None, document: Mapping[str, Any]) -> None:
    """Write to a file, or to standard output for ``-``."""
    if target is None:
        return
    text = json.dumps(document, allow_nan=False) + "\n"
    if target == STDOUT:
        sys.stdout.write(text)
        return
    path = Path(target)
    try:
        path.write_text(text)
    except OSError as error:
        raise DataError(f"--json {target} cannot be written: {error.strerror}") from error


def results_table(results: Sequence[tuple[Mapping[str, Value], Metrics]]) -> str:
    """Format one line per result: its searched parameters and the main measures."""
    names = list(results[0][0]) if results else []
    rows = []
    for params, metrics in results:
        measures = metrics.as_dict()
        cells = [_parameter(params[name]) for name in names]
        rows.append(cells + [shown_measure(name, measures) for name in SHOWN])
    return text_table([*names, *SHOWN], rows)


def shown_measure(name: str, measures: Mapping[str, Any]) -> str:
    """Format a measure; the words of the report stand where too few trades carry a figure."""
    from flows.report.tables import said_instead

    return said_instead(name, measures) or format_measure(name, measures[name])


def format_measure(name: str, value: float) -> str:
    """Format a measure: shares in percent, counts whole, ratios with two decimals."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2%}" if name in _SHARES else f"{value:.2f}"


def _parameter(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:g}"
