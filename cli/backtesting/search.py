"""`nocturne search`: parameter combinations over one candle file, all of them or sampled."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.inputs.market import MarketChoice
from cli.inputs.shared_options import (
    BRACKETS,
    CANDLES,
    CAPITAL,
    FEE_BPS,
    FORECASTS,
    FUNDING,
    SINCE,
    SLIPPAGE_BPS,
    STRATEGY,
    SYMBOL,
    UNTIL,
    VENUE,
)

if TYPE_CHECKING:
    from cli.backtesting.search_run import SearchResults
    from trading.simulation import Costs
    from trading.strategies.base import Strategy
    from trading.strategies.parameters import Value

app = typer.Typer(add_completion=False, rich_markup_mode=None)

SAMPLED_TRIALS = 200
# Measures where less is better.
LESS_IS_BETTER = frozenset({"max_drawdown", "exposure"})

_PRESET = typer.Option(
    None, help="Fixed parameters of this name in config/presets.toml, and their strategy."
)
_GRID = typer.Option(..., help="NAME=FROM:TO:STEP (both ends included) or NAME=A,B,C; repeatable.")
_SETTINGS = typer.Option(
    [], "--set", help="NAME=VALUE of a parameter that is not searched; repeatable."
)
_JSON = typer.Option(None, "--json", help="Write all results to this file; - is standard output.")
_HTML = typer.Option(
    None, "--html", help="Write a page with heat maps, plateau and choice to this file."
)
_TOP = typer.Option(10, min=0, help="Lines of the table on the terminal.")
_SORT = typer.Option(
    None, help="Measure that the table is sorted by: the preset's objective, else total_return."
)
_METHOD = typer.Option("grid", help="grid (all combinations), random or bayes (Optuna).")
_TRIALS = typer.Option(
    None, min=1, help="Combinations to try; all for grid, 200 for random and bayes."
)
_SEED = typer.Option(0, min=0, help="Seed of random and bayes.")
_OBJECTIVE = typer.Option(
    None,
    help="Measure that bayes maximizes and that ranks the best: the preset's, else sharpe.",
)
_WORKERS = typer.Option(
    None, min=1, help="Threads, by default one per core; the results do not depend on it."
)
_PROCESSES = typer.Option(False, "--processes", help="Use processes instead of threads.")
_DASK = typer.Option(
    None, help="Scheduler of a Dask cluster whose workers search, e.g. tcp://127.0.0.1:8786."
)
_RESUME = typer.Option(None, help="File of finished trials: a killed search resumes from it.")
_LAKE = typer.Option(
    None, help="Lake of --symbol, in which the trials are counted; default: $NOCTURNE_LAKE."
)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The options of `nocturne search`, but for where its result goes."""

    strategy: str | None
    preset: str | None
    market: MarketChoice
    grid: list[str]
    settings: list[str]
    fee_bps: float
    slippage_bps: float | None
    capital: float
    brackets: Path | None
    method: str
    trials: int | None
    seed: int
    objective: str
    workers: int | None
    processes: bool
    dask: str | None
    resume: Path | None

    @property
    def costs(self) -> Costs:
        """Costs of every fill, with the capital and the brackets."""
        from cli.inputs.margin import margin_of
        from trading.defaults import SLIPPAGE_BPS
        from trading.simulation import Costs

        margin = margin_of(self.capital, self.brackets, self.market.name)
        slippage = SLIPPAGE_BPS if self.slippage_bps is None else self.slippage_bps
        return Costs(self.fee_bps, slippage, margin=margin)

    @property
    def searched(self) -> list[str]:
        """Names of the parameters on the grid."""
        return [text.partition("=")[0].strip() for text in self.grid]

    @property
    def not_of_rules(self) -> dict[str, object]:
        """The options that neither the maker nor the ensemble has."""
        return {
            "--resume": self.resume,
            "--lake": self.market.lake,
            "--processes": self.processes,
            "--trials": self.trials,
            "--dask": self.dask,
            "--funding": self.market.funding,
        }


@dataclass(frozen=True, slots=True)
class Output:
    """Where the results go, and how the table on the terminal is sorted and cut."""

    json_out: str | None
    sort: str
    top: int
    html_out: str | None


@app.command()
def search(
    strategy: str = STRATEGY,
    preset: str = _PRESET,
    candles: Path = CANDLES,
    symbol: str = SYMBOL,
    venue: str = VENUE,
    lake: Path = _LAKE,
    since: str = SINCE,
    until: str = UNTIL,
    grid: list[str] = _GRID,
    settings: list[str] = _SETTINGS,
    fee_bps: float = FEE_BPS,
    capital: float = CAPITAL,
    brackets: Path = BRACKETS,
    funding: Path = FUNDING,
    forecasts: str = FORECASTS,
    json_out: str = _JSON,
    html_out: str = _HTML,
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
    slippage_bps: float = SLIPPAGE_BPS,
) -> None:
    """Search a strategy's parameters over a candle file.

    The market, the costs and their defaults are those of `backtest`. The rules
    of the market-maker grid and of the ensemble can be searched too: --strategy maker or ensemble.

    Example: nocturne search --strategy breakout --candles BTCUSDT.parquet
    --grid k=0.3:0.8:0.05 --grid take_profit=0.03:0.10:0.01 --set filters=off --json out.json

    Example: nocturne search --strategy breakout --candles BTCUSDT.parquet --method bayes
    --trials 100 --seed 7 --workers 2 --grid k=0.3:0.8:0.01 --grid stop_loss=0.01:0.05:0.005
    """
    from cli.inputs.strategy_choice import measure_of

    options = SearchOptions(
        strategy=strategy,
        preset=preset,
        market=MarketChoice(candles, symbol, venue, lake, since, until, funding, forecasts),
        grid=grid,
        settings=settings,
        fee_bps=fee_bps,
        slippage_bps=slippage_bps,
        capital=capital,
        brackets=brackets,
        method=method,
        trials=trials,
        seed=seed,
        objective=measure_of(objective, preset, "sharpe"),
        workers=workers,
        processes=processes,
        dask=dask,
        resume=resume,
    )
    _run(options, Output(json_out, measure_of(sort, preset, "total_return"), top, html_out))


def _run(options: SearchOptions, output: Output) -> None:
    from cli.inputs.strategy_choice import ENSEMBLE, is_maker
    from cli.pages.html_file import check_page
    from trading.errors import ParameterError

    maker = is_maker(options.strategy, options.preset)
    if output.html_out is not None and (maker or options.strategy == ENSEMBLE):
        raise ParameterError("--html shows a strategy's search; take neither maker nor ensemble")
    check_page(output.html_out)
    if maker:
        from cli.backtesting.maker_search import run_maker_search

        run_maker_search(options, output)
    elif options.strategy == ENSEMBLE:
        from cli.backtesting.ensemble_search import run_ensemble_search

        run_ensemble_search(options, output)
    else:
        _search_strategy(options, output)


def _search_strategy(options: SearchOptions, output: Output) -> None:
    from cli.backtesting.results import STDOUT, check_output, results_table, say, write_json
    from cli.backtesting.search_run import SearchRequest, check_method, run_search

    check_method(options.method, options.market)
    count = options.trials
    if count is None and options.method != "grid":
        count = SAMPLED_TRIALS
    strategy, fixed = _checked(options, count)
    _check_measure("--sort", output.sort)
    _check_measure("--objective", options.objective)
    check_output("--json", output.json_out)
    request = SearchRequest(
        strategy=strategy,
        market=options.market,
        grid=tuple(options.grid),
        fixed=fixed,
        costs=options.costs,
        method=options.method,
        trials=count,
        seed=options.seed,
        objective=options.objective,
        workers=options.workers or os.cpu_count() or 1,
        processes=options.processes,
        dask=options.dask,
        resume=options.resume,
    )
    document, results, significance = run_search(request)
    write_json(output.json_out, document)
    ranked = _best(results, output.sort)
    if output.html_out is not None:
        from cli.pages.search_page import write_page

        write_page(
            output.html_out, {**document, "sort": output.sort}, results, ranked, significance
        )
    if output.json_out != STDOUT and output.top:
        typer.echo(results_table(ranked[: output.top]))
    say(significance)
    say(
        f"{len(results):,} combinations in {document['seconds_search']:.2f} s, after"
        f" {document['seconds_load']:.2f} s of loading"
        f" and {document['seconds_compile']:.2f} s of compiling"
    )


def _checked(options: SearchOptions, trials: int | None) -> tuple[Strategy, dict[str, Value]]:
    """Return the strategy and its fixed parameters; check the grid before a large file is read."""
    from cli.inputs.strategy_choice import choose
    from trading.research.grid import parse_grid

    strategy, fixed = choose(options.strategy, options.preset, options.settings, options.searched)
    draft = parse_grid(options.grid, strategy, trials=trials)
    _check_twice([axis.name for axis in draft.axes], fixed)
    return strategy, fixed


def _check_twice(searched: list[str], fixed: dict[str, Value]) -> None:
    from trading.errors import ParameterError

    for name in searched:
        if name in fixed:
            raise ParameterError(f"{name} is given by --grid and by --set; give it by one of them")


def _check_measure(option: str, name: str) -> None:
    from trading.errors import ParameterError, did_you_mean
    from trading.metrics import Metrics

    if name not in Metrics._fields:
        names = ", ".join(Metrics._fields)
        meant = did_you_mean(name, Metrics._fields)
        raise ParameterError(f"{option} '{name}' is not a measure{meant}; measures are {names}")


def _best(results: SearchResults, sort: str) -> SearchResults:
    """Sort the best first; ties keep the order of the grid."""
    sign = 1.0 if sort in LESS_IS_BETTER else -1.0
    return sorted(results, key=lambda result: sign * float(getattr(result[1], sort)))
