"""`nocturne search` of the ensemble: each combination of its rules, one by one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from cli.backtesting.ensemble import EnsembleParameters, make_rules
from cli.backtesting.ensemble_run import EnsembleRun, Study, ensemble_run
from cli.backtesting.maker_search import check_options, table_of
from cli.backtesting.results import STDOUT, check_output, say, write_json
from cli.inputs.strategy_choice import ENSEMBLE
from trading.errors import ParameterError
from trading.research.grid import parse_grid

if TYPE_CHECKING:
    from cli.backtesting.search import Output, SearchOptions

MEASURES = ("total_return", "trades", "win_rate", "max_drawdown", "sharpe", "profit_factor")


def run_ensemble_search(options: SearchOptions, output: Output) -> None:
    """Search the ensemble's rules by the options of `nocturne search`, and print the best."""
    check_options(options.method, options.not_of_rules | {"--preset": options.preset}, ENSEMBLE)
    wanted = ensemble_run(options.market.file("ensemble"), options.settings, options.costs)
    check_output("--json", output.json_out)
    document, best = search_ensemble(wanted, options.grid, output.sort)
    write_json(output.json_out, document)
    if output.json_out != STDOUT and output.top:
        typer.echo(table_of(best[: output.top], options.searched, MEASURES))
    say(f"{len(best):,} ensembles in {document['seconds_search']:.2f} s; none of them is deflated")


def search_ensemble(
    wanted: EnsembleRun, grid: Sequence[str], sort: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the JSON document and its results, the best of ``sort`` first.

    The members trade alone once; each combination then weighs them and trades the account.
    """
    if sort not in MEASURES:
        raise ParameterError(
            f"--sort '{sort}' is not a measure of ensemble; they are {', '.join(MEASURES)}"
        )
    if any(text.partition("=")[0].strip() == "members" for text in grid):
        raise ParameterError("members cannot be searched; give them by --set")
    axes = parse_grid(grid, EnsembleParameters())
    for axis in axes.axes:
        if axis.name in wanted.given:
            raise ParameterError(f"{axis.name} is given by --grid and by --set; give one of them")
    combinations = [{**wanted.given, **values} for values in axes.combinations()]
    for values in combinations:
        make_rules(values)
    study = Study(wanted)
    say(f"simulating {len(combinations):,} ensembles over {len(study.candles):,} candles ...")
    begun = time.perf_counter()
    results = [study.result(values, study.simulate(values)[1]) for values in combinations]
    document = study.document(results, time.perf_counter() - begun)
    sign = 1.0 if sort == "max_drawdown" else -1.0
    return document, sorted(results, key=lambda result: sign * float(result[sort]))
