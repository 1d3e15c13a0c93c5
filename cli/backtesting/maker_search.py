"""`nocturne search` of the market-maker grid: each combination of its rules, one by one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.backtesting.maker import (
    MAKER_FEE_BPS,
    NAME,
    given_rules,
    measures_of,
    minutes_of,
    refuse_others,
)
from cli.backtesting.results import STDOUT, check_output, say, shown_measure, write_json
from cli.tables import text_table
from trading.errors import ParameterError
from trading.market_making.backtest import simulate_maker
from trading.market_making.quoting import MakerRules
from trading.research.grid import parse_grid
from trading.strategies.parameters import Parameter

if TYPE_CHECKING:
    from cli.backtesting.search import Output, SearchOptions

MEASURES = (
    "total_return",
    "trades",
    "win_rate",
    "profit_factor",
    "reward_to_risk",
    "expectancy",
    "worst_trade",
)


@dataclass(frozen=True, slots=True)
class MakerSearch:
    """One search of the maker: candles, grid, given rules, fee and the measure to sort by."""

    candles: Path
    grid: tuple[str, ...]
    given: dict[str, Any]
    fee_bps: float
    sort: str


class MakerParameters:
    """The rules as parameters of a grid; `MakerRules` checks them together."""

    def parameter(self, name: str) -> Parameter:
        """Return the rule ``name``; `ParameterError` names the known ones otherwise."""
        kinds = {field.name: str(field.type) for field in fields(MakerRules)}
        if name not in kinds:
            raise ParameterError(f"maker has no rule '{name}'; it has {', '.join(kinds)}")
        return Parameter(name, kinds[name], getattr(MakerRules(), name))


def check_options(method: str, others: dict[str, object], owner: str = NAME) -> None:
    """Refuse what the search of the maker or ``owner`` cannot do, before anything is read."""
    if method != "grid":
        raise ParameterError(f"the {owner}'s search tries all combinations; leave out --method")
    refuse_others([option for option, value in others.items() if value], owner)


def run_maker_search(options: SearchOptions, output: Output) -> None:
    """Search the grid's rules by the options of `nocturne search`, and print the best."""
    others = options.not_of_rules
    others |= {"--brackets": options.brackets, "--slippage-bps": options.slippage_bps}
    check_options(options.method, others)
    given = given_rules(options.preset, options.settings, set(options.searched))
    wanted = MakerSearch(
        options.market.file("maker"), tuple(options.grid), given, options.fee_bps, output.sort
    )
    check_output("--json", output.json_out)
    document, best = search_maker(wanted)
    write_json(output.json_out, document)
    if output.json_out != STDOUT and output.top:
        typer.echo(table_of(best[: output.top], options.searched))
    say(f"{len(best):,} grids in {document['seconds_search']:.2f} s; none of them is deflated")


def search_maker(wanted: MakerSearch) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the JSON document and its results, the best of ``sort`` first."""
    if wanted.sort not in MEASURES:
        raise ParameterError(
            f"--sort '{wanted.sort}' is not a measure of maker; they are {', '.join(MEASURES)}"
        )
    grid = parse_grid(wanted.grid, MakerParameters())
    for axis in grid.axes:
        if axis.name in wanted.given:
            raise ParameterError(f"{axis.name} is given by --grid and by --set; give one of them")
    combinations = grid.combinations()
    rules = [MakerRules(**{**wanted.given, **values}) for values in combinations]
    columns = minutes_of(wanted.candles)
    say(f"simulating {len(rules):,} grids over {len(columns):,} candles ...")
    begun = time.perf_counter()
    results = []
    for one in rules:
        found = simulate_maker(
            columns, one, maker_fee_bps=MAKER_FEE_BPS, taker_fee_bps=wanted.fee_bps
        )
        results.append({"params": asdict(one), **measures_of(found)})
    document = {
        "strategy": NAME,
        "candles": str(wanted.candles),
        "fee_bps": wanted.fee_bps,
        "maker_fee_bps": MAKER_FEE_BPS,
        "seconds_search": time.perf_counter() - begun,
        "results": results,
    }
    return document, sorted(results, key=lambda result: -float(result[wanted.sort]))


def table_of(
    results: Sequence[dict[str, Any]], names: Sequence[str], measures: Sequence[str] = MEASURES
) -> str:
    """Format one line per result: the searched rules and the measures."""
    rows = [
        [
            *(f"{result['params'][name]:g}" for name in names),
            *(shown_measure(measure, result) for measure in measures),
        ]
        for result in results
    ]
    return text_table([*names, *measures], rows)
