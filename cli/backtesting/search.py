"""`nocturne search`: combinations of a grid over one candle file; all, drawn or learned."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.inputs.shared_options import BRACKETS, CANDLES, CAPITAL, FEE_BPS, SLIPPAGE_BPS, STRATEGY

if TYPE_CHECKING:
    from cli.backtesting.ensemble_run import EnsembleRun
    from cli.backtesting.maker_search import MakerSearch
    from cli.backtesting.search_run import Found
    from trading.strategies.base import Strategy, Value

app = typer.Typer(add_completion=False, rich_markup_mode=None)

DRAWN_TRIALS = 200
# Measures of which less is better; of all others, more is.
LESS_IS_BETTER = frozenset({"max_drawdown", "exposure"})


_PRESET = typer.Option(
    None, help="Fixed parameters of this name in config/presets.toml, and their strategy."
)
_GRID = typer.Option(..., help="NAME=FROM:TO:STEP (both ends included) or NAME=A,B,C; repeatable.")
_SETTINGS = typer.Option(
    [], "--set", help="NAME=VALUE of a parameter that is not searched; repeatable."
)
_JSON = typer.Option(None, "--json", help="Write all results to this file; - is standard output.")
_TOP = typer.Option(10, min=0, help="Lines of the table on the terminal.")
_SORT = typer.Option("total_return", help="Measure that the table is sorted by.")
_METHOD = typer.Option("grid", help="grid (all combinations), random or bayes (Optuna).")
_TRIALS = typer.Option(
    None, min=1, help="Combinations to try; all for grid, 200 for random and bayes."
)
_SEED = typer.Option(0, min=0, help="Seed of random and bayes.")
_OBJECTIVE = typer.Option("sharpe", help="Measure that bayes learns and the best has.")
_WORKERS = typer.Option(
    None, min=1, help="Threads, one a core by default; results are the same for any number."
)
_PROCESSES = typer.Option(False, "--processes", help="Processes instead of threads.")
_DASK = typer.Option(
    None, help="Scheduler of a Dask cluster whose workers search, e.g. tcp://127.0.0.1:8786."
)
_RESUME = typer.Option(
    None, help="File of finished trials: a search that was killed continues from it."
)
_LAKE = typer.Option(None, help="Lake in which the trials are counted; needs --symbol as well.")
_SYMBOL = typer.Option(None, help="Symbol of the candles, for the count in the lake.")


@app.command()
def search(
    strategy: str = STRATEGY,
    preset: str = _PRESET,
    candles: Path = CANDLES,
    grid: list[str] = _GRID,
    settings: list[str] = _SETTINGS,
    fee_bps: float = FEE_BPS,
    capital: float = CAPITAL,
    brackets: Path = BRACKETS,
    json_out: str = _JSON,
    top: int = _TOP,
    sort: str = _SORT,
    method: str = _METHOD,
    trials: int = _TRIALS,
    seed: int = _SEED,
    objective: str = _OBJECTIVE,
    workers: int = _WORKERS,
    processes: bool = _PROCESSES,
    dask: str = _DASK,
    resume: Path = _RESUME,
    lake: Path = _LAKE,
    symbol: str = _SYMBOL,
    slippage_bps: float = SLIPPAGE_BPS,
) -> None:
    """Search a strategy's parameters over a candle file.

    Signals are judged on every candle of the file unless signal_tf is set. The rules of the
    market-maker grid and of the ensemble are searched too: --strategy maker, --strategy ensemble.

    Example: nocturne search --strategy breakout --candles BTCUSDT.parquet
    --grid k=0.3:0.8:0.05 --grid take_profit=0.03:0.10:0.01 --set filters=off --json out.json

    Example: nocturne search --strategy breakout --candles BTCUSDT.parquet --method bayes
    --trials 100 --seed 7 --workers 2 --grid k=0.3:0.8:0.01 --grid stop_loss=0.01:0.05:0.005
    """
    from cli.backtesting.results import check_output
    from cli.backtesting.search_run import Wanted, check_method, run_search
    from cli.inputs.margin import margin_of
    from cli.inputs.strategy_choice import ENSEMBLE, is_maker
    from trading.simulation import Costs

    if is_maker(strategy, preset):
        from cli.backtesting.maker_search import check_options

        others = {"--resume": resume, "--lake": lake, "--processes": processes, "--trials": trials}
        others |= {"--dask": dask, "--brackets": brackets, "--slippage-bps": slippage_bps}
        check_options(method, others)
        _search_maker(_maker_search(candles, grid, preset, settings, fee_bps, sort), json_out, top)
        return
    if strategy == ENSEMBLE:
        from cli.backtesting.ensemble_run import asked_for
        from cli.backtesting.maker_search import check_options

        others = {"--resume": resume, "--lake": lake, "--processes": processes, "--trials": trials}
        check_options(method, others | {"--dask": dask, "--preset": preset}, ENSEMBLE)
        costs = Costs(fee_bps, slippage_bps, margin=margin_of(capital, brackets, candles))
        _search_ensemble(asked_for(candles, settings, costs), grid, json_out, sort, top)
        return
    check_method(method, lake, symbol)
    count = trials if trials is not None or method == "grid" else DRAWN_TRIALS
    chosen, fixed = _checked(strategy, preset, settings, grid, count)
    _check_measure("--sort", sort)
    _check_measure("--objective", objective)
    check_output("--json", json_out)
    wanted = Wanted(
        strategy=chosen,
        candles=candles,
        grid=tuple(grid),
        fixed=fixed,
        costs=Costs(fee_bps, slippage_bps, margin=margin_of(capital, brackets, candles)),
        method=method,
        trials=count,
        seed=seed,
        objective=objective,
        workers=workers or os.cpu_count() or 1,
        processes=processes,
        dask=dask,
        resume=resume,
        lake=lake,
        symbol=symbol,
    )
    _tell(*run_search(wanted), json_out, sort, top)


def _checked(
    strategy: str | None,
    preset: str | None,
    settings: list[str],
    grid: list[str],
    trials: int | None,
) -> tuple[Strategy, dict[str, Value]]:
    """The strategy and its fixed parameters; what is wrong with the grid is told before a large
    file is read.
    """
    from cli.inputs.strategy_choice import choose
    from trading.research.grid import parse_grid

    searched = [text.partition("=")[0].strip() for text in grid]
    chosen, fixed = choose(strategy, preset, settings, searched)
    draft = parse_grid(grid, chosen, trials=trials)
    _check_twice([axis.name for axis in draft.axes], fixed)
    return chosen, fixed


def _tell(
    document: dict[str, Any],
    found: Found,
    honesty: str,
    json_out: str | None,
    sort: str,
    top: int,
) -> None:
    """The JSON document, the table of the best, and how honest and how quick it was."""
    from cli.backtesting.results import STDOUT, results_table, say, write_json

    write_json(json_out, document)
    if json_out != STDOUT and top:
        typer.echo(results_table(_best(found, sort)[:top]))
    say(honesty)
    say(
        f"{len(found):,} combinations in {document['seconds_search']:.2f} s, after"
        f" {document['seconds_load']:.2f} s of loading"
        f" and {document['seconds_compile']:.2f} s of compiling"
    )


def _maker_search(
    candles: Path,
    grid: list[str],
    preset: str | None,
    settings: list[str],
    fee_bps: float,
    sort: str,
) -> MakerSearch:
    from cli.backtesting.maker import given_rules
    from cli.backtesting.maker_search import MakerSearch

    searched = {text.partition("=")[0].strip() for text in grid}
    given = given_rules(preset, settings, searched)
    return MakerSearch(candles, tuple(grid), given, fee_bps, sort)


def _search_maker(wanted: MakerSearch, json_out: str | None, top: int) -> None:
    from cli.backtesting.maker_search import search_maker, table_of
    from cli.backtesting.results import STDOUT, check_output, say, write_json

    check_output("--json", json_out)
    document, best = search_maker(wanted)
    write_json(json_out, document)
    if json_out != STDOUT and top:
        names = [text.partition("=")[0].strip() for text in wanted.grid]
        typer.echo(table_of(best[:top], names))
    say(f"{len(best):,} grids in {document['seconds_search']:.2f} s; none of them is deflated")


def _search_ensemble(
    wanted: EnsembleRun, grid: list[str], json_out: str | None, sort: str, top: int
) -> None:
    from cli.backtesting.ensemble_search import MEASURES, search_ensemble
    from cli.backtesting.maker_search import table_of
    from cli.backtesting.results import STDOUT, check_output, say, write_json

    check_output("--json", json_out)
    document, best = search_ensemble(wanted, grid, sort)
    write_json(json_out, document)
    if json_out != STDOUT and top:
        names = [text.partition("=")[0].strip() for text in grid]
        typer.echo(table_of(best[:top], names, MEASURES))
    say(f"{len(best):,} ensembles in {document['seconds_search']:.2f} s; none of them is deflated")


def _check_twice(searched: list[str], fixed: dict[str, Value]) -> None:
    from trading.errors import ParameterError

    for name in searched:
        if name in fixed:
            raise ParameterError(f"{name} is given by --grid and by --set; give it by one of them")


def _check_measure(option: str, name: str) -> None:
    from trading.errors import ParameterError
    from trading.metrics import Metrics

    if name not in Metrics._fields:
        names = ", ".join(Metrics._fields)
        raise ParameterError(f"{option} '{name}' is not a measure; measures are {names}")


def _best(found: Found, sort: str) -> Found:
    """Best first; equals stay in the order of the grid."""
    sign = 1.0 if sort in LESS_IS_BETTER else -1.0
    return sorted(found, key=lambda result: sign * float(getattr(result[1], sort)))
