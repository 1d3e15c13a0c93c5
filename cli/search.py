"""`nocturne search`: every combination of a grid over one candle file."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from trading.metrics import Metrics
    from trading.simulation import Costs
    from trading.strategies.base import Strategy, Value

app = typer.Typer(add_completion=False, rich_markup_mode=None)

# Measures of which less is better; of all others, more is.
LESS_IS_BETTER = frozenset({"max_drawdown", "exposure"})


@app.command()
def search(
    strategy: str = typer.Option(
        None, help="Strategy (see `nocturne strategies list`), or package.module:Class."
    ),
    preset: str = typer.Option(
        None, help="Fixed parameters of this name in config/presets.toml, and their strategy."
    ),
    candles: Path = typer.Option(..., help="Parquet file with open_time (UTC), open, ..., volume."),
    grid: list[str] = typer.Option(
        ..., help="NAME=FROM:TO:STEP (both ends included) or NAME=A,B,C; repeatable."
    ),
    settings: list[str] = typer.Option(
        [], "--set", help="NAME=VALUE of a parameter that is not searched; repeatable."
    ),
    fee_bps: float = typer.Option(5.0, help="Fee of each side, in basis points."),
    json_out: str = typer.Option(
        None, "--json", help="Write all results to this file; - is standard output."
    ),
    top: int = typer.Option(10, min=0, help="Lines of the table on the terminal."),
    sort: str = typer.Option("total_return", help="Measure that the table is sorted by."),
) -> None:
    """Search a strategy's parameters over a candle file.

    Signals are judged on every candle of the file unless signal_tf is set.

    Example: nocturne search --strategy breakout --candles BTCUSDT.parquet
    --grid k=0.3:0.8:0.05 --grid take_profit=0.03:0.10:0.01 --set filters=off --json out.json
    """
    from cli.choosing import choose
    from cli.results import STDOUT, check_output, results_table, say, write_json
    from trading.grid import parse_grid
    from trading.simulation import Costs

    chosen, fixed = choose(
        strategy, preset, settings, [text.partition("=")[0].strip() for text in grid]
    )
    draft = parse_grid(grid, chosen)  # mistakes are told before a large file is read
    _check_twice([axis.name for axis in draft.axes], fixed)
    _check_sort(sort)
    costs = Costs(fee_bps=fee_bps)
    check_output("--json", json_out)
    document, found = _run(chosen, candles, grid, fixed, costs)
    write_json(json_out, document)
    if json_out != STDOUT and top:
        typer.echo(results_table(_best(found, sort)[:top]))
    say(
        f"{len(found):,} combinations in {document['seconds_search']:.2f} s, after"
        f" {document['seconds_load']:.2f} s of loading"
        f" and {document['seconds_compile']:.2f} s of compiling"
    )


def _run(
    chosen: Strategy, path: Path, texts: list[str], fixed: dict[str, Value], costs: Costs
) -> tuple[dict[str, Any], list[tuple[dict[str, Value], Metrics]]]:
    """The JSON document, and the results with the searched parameters only."""
    from cli.candle_files import read_candles
    from cli.results import enable_compiling, measured, say, with_file_interval
    from trading.candles import DAY_MS
    from trading.grid import parse_grid
    from trading.simulation import search as run_search

    begun = time.perf_counter()
    columns = read_candles(path)
    seconds_load = time.perf_counter() - begun
    days = int(columns.open_time[-1] // DAY_MS - columns.open_time[0] // DAY_MS) + 1
    combinations = parse_grid(texts, chosen, days=days).combinations()
    say(f"searching {len(combinations):,} combinations over {len(columns):,} candles ...")
    enable_compiling()
    settings = with_file_interval(fixed, combinations[0], columns)
    answer = run_search(chosen, columns, combinations, settings, costs)
    found = [
        (combination, metrics)
        for combination, (_, metrics) in zip(combinations, answer.results, strict=True)
    ]
    document = {
        "strategy": chosen.name,
        "candles": str(path),
        "fee_bps": costs.fee_bps,
        "seconds_load": seconds_load,
        "seconds_compile": answer.seconds_compile,
        "seconds_search": answer.seconds_search,
        "results": [measured({**combination, **fixed}, metrics) for combination, metrics in found],
    }
    return document, found


def _check_twice(searched: list[str], fixed: dict[str, Value]) -> None:
    from trading.errors import ParameterError

    for name in searched:
        if name in fixed:
            raise ParameterError(f"{name} is given by --grid and by --set; give it by one of them")


def _check_sort(sort: str) -> None:
    from trading.errors import ParameterError
    from trading.metrics import Metrics

    names = [field.name for field in fields(Metrics)]
    if sort not in names:
        raise ParameterError(f"--sort '{sort}' is not a measure; measures are {', '.join(names)}")


def _best(
    found: list[tuple[dict[str, Value], Metrics]], sort: str
) -> list[tuple[dict[str, Value], Metrics]]:
    """Best first; equals stay in the order of the grid."""
    sign = 1.0 if sort in LESS_IS_BETTER else -1.0
    return sorted(found, key=lambda result: sign * float(getattr(result[1], sort)))
