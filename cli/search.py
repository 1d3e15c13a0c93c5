"""`nocturne search`: combinations of a grid over one candle file; all, drawn or learned."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cli.maker_search import MakerSearch
    from trading.metrics import Metrics
    from trading.strategies.base import Value

app = typer.Typer(add_completion=False, rich_markup_mode=None)

DRAWN_TRIALS = 200
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
    method: str = typer.Option("grid", help="grid (all combinations), random or bayes (Optuna)."),
    trials: int = typer.Option(
        None, min=1, help="Combinations to try; all for grid, 200 for random and bayes."
    ),
    seed: int = typer.Option(0, min=0, help="Seed of random and bayes."),
    objective: str = typer.Option("sharpe", help="Measure that bayes learns and the best has."),
    workers: int = typer.Option(
        None, min=1, help="Threads, one a core by default; results are the same for any number."
    ),
    processes: bool = typer.Option(False, "--processes", help="Processes instead of threads."),
    resume: Path = typer.Option(
        None, help="File of finished trials: a search that was killed continues from it."
    ),
    lake: Path = typer.Option(
        None, help="Lake in which the trials are counted; needs --symbol as well."
    ),
    symbol: str = typer.Option(None, help="Symbol of the candles, for the count in the lake."),
) -> None:
    """Search a strategy's parameters over a candle file.

    Signals are judged on every candle of the file unless signal_tf is set.

    Example: nocturne search --strategy breakout --candles BTCUSDT.parquet
    --grid k=0.3:0.8:0.05 --grid take_profit=0.03:0.10:0.01 --set filters=off --json out.json

    Example: nocturne search --strategy breakout --candles BTCUSDT.parquet --method bayes
    --trials 100 --seed 7 --workers 2 --grid k=0.3:0.8:0.01 --grid stop_loss=0.01:0.05:0.005
    """
    from cli.maker import given_rules, is_maker
    from cli.maker_search import MakerSearch, check_options

    if is_maker(strategy, preset):
        others = {"--resume": resume, "--lake": lake, "--processes": processes, "--trials": trials}
        check_options(method, others)
        searched = {text.partition("=")[0].strip() for text in grid}
        given = given_rules(preset, settings, searched)
        _search_maker(MakerSearch(candles, tuple(grid), given, fee_bps, sort), json_out, top)
        return

    from cli.choosing import choose
    from cli.results import STDOUT, check_output, results_table, say, write_json
    from cli.searching import Wanted, check_method, run_search
    from trading.grid import parse_grid
    from trading.simulation import Costs

    chosen, fixed = choose(
        strategy, preset, settings, [text.partition("=")[0].strip() for text in grid]
    )
    check_method(method, lake, symbol)
    count = trials if trials is not None or method == "grid" else DRAWN_TRIALS
    draft = parse_grid(grid, chosen, trials=count)  # told before a large file is read
    _check_twice([axis.name for axis in draft.axes], fixed)
    _check_measure("--sort", sort)
    _check_measure("--objective", objective)
    check_output("--json", json_out)
    wanted = Wanted(
        strategy=chosen,
        candles=candles,
        grid=tuple(grid),
        fixed=fixed,
        costs=Costs(fee_bps=fee_bps),
        method=method,
        trials=count,
        seed=seed,
        objective=objective,
        workers=workers or os.cpu_count() or 1,
        processes=processes,
        resume=resume,
        lake=lake,
        symbol=symbol,
    )
    document, found, honesty = run_search(wanted)
    write_json(json_out, document)
    if json_out != STDOUT and top:
        typer.echo(results_table(_best(found, sort)[:top]))
    say(honesty)
    say(
        f"{len(found):,} combinations in {document['seconds_search']:.2f} s, after"
        f" {document['seconds_load']:.2f} s of loading"
        f" and {document['seconds_compile']:.2f} s of compiling"
    )


def _search_maker(wanted: MakerSearch, json_out: str | None, top: int) -> None:
    from cli.maker_search import search_maker, table_of
    from cli.results import STDOUT, check_output, say, write_json

    check_output("--json", json_out)
    document, best = search_maker(wanted)
    write_json(json_out, document)
    if json_out != STDOUT and top:
        names = [text.partition("=")[0].strip() for text in wanted.grid]
        typer.echo(table_of(best[:top], names))
    say(f"{len(best):,} grids in {document['seconds_search']:.2f} s; none of them is deflated")


def _check_twice(searched: list[str], fixed: dict[str, Value]) -> None:
    from trading.errors import ParameterError

    for name in searched:
        if name in fixed:
            raise ParameterError(f"{name} is given by --grid and by --set; give it by one of them")


def _check_measure(option: str, name: str) -> None:
    from trading.errors import ParameterError
    from trading.metrics import Metrics

    names = [field.name for field in fields(Metrics)]
    if name not in names:
        raise ParameterError(f"{option} '{name}' is not a measure; measures are {', '.join(names)}")


def _best(
    found: list[tuple[dict[str, Value], Metrics]], sort: str
) -> list[tuple[dict[str, Value], Metrics]]:
    """Best first; equals stay in the order of the grid."""
    sign = 1.0 if sort in LESS_IS_BETTER else -1.0
    return sorted(found, key=lambda result: sign * float(getattr(result[1], sort)))
