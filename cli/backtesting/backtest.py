"""`nocturne backtest`: one parameter set over one candle file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.backtesting.venue_backtest import VenueOptions
from cli.inputs.market import MarketChoice
from cli.inputs.shared_options import (
    BRACKETS,
    CANDLES,
    CAPITAL,
    FEE_BPS,
    FORECASTS,
    FUNDING,
    LAKE,
    SINCE,
    SLIPPAGE_BPS,
    STRATEGY,
    SYMBOL,
    UNTIL,
    VENUE,
)

if TYPE_CHECKING:
    from trading.simulation import Costs

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_PRESET = typer.Option(
    None, help="Parameters of this name in config/presets.toml, and their strategy."
)
_SETTINGS = typer.Option(
    [], "--set", help="NAME=VALUE of a parameter; repeatable, the others keep their defaults."
)
_MAKER_FEE_BPS = typer.Option(
    None, help="Fee of resting fills; default: --fee-bps (2 for the maker)."
)
_JSON = typer.Option(None, "--json", help="Write the result to this file; - is standard output.")
_TRADES = typer.Option(None, "--trades", help="Write the trades to this Parquet file.")
_HTML = typer.Option(None, "--html", help="Write a page with charts to this file.")
_TICK = typer.Option(0.0, min=0.0, help="Price tick that stops and targets lie on.")
_STEP = typer.Option(0.0, min=0.0, help="Quantities are cut to a multiple of it.")
_MIN_NOTIONAL = typer.Option(0.0, min=0.0, help="Smaller orders are refused.")
_IMPACT = typer.Option(
    0.0, min=0.0, help="Slippage times the root of the share of the candle's turnover."
)


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """The options of `nocturne backtest`, but for where its result goes."""

    strategy: str | None
    preset: str | None
    market: MarketChoice
    settings: list[str]
    fee_bps: float
    maker_fee_bps: float | None
    slippage_bps: float | None
    capital: float
    brackets: Path | None
    trades_out: str | None
    html_out: str | None
    venue: VenueOptions

    @property
    def costs(self) -> Costs:
        """Costs of every fill, with the capital and the brackets."""
        from cli.inputs.margin import margin_of
        from trading.defaults import SLIPPAGE_BPS
        from trading.simulation import Costs

        margin = margin_of(self.capital, self.brackets, self.market.name)
        slippage = SLIPPAGE_BPS if self.slippage_bps is None else self.slippage_bps
        return Costs(self.fee_bps, slippage, self.maker_fee_bps, margin)


Outcome = tuple[dict[str, Any], str]
"""The JSON document of a back-test, and its text for the terminal."""


@app.command()
def backtest(
    strategy: str = STRATEGY,
    preset: str = _PRESET,
    candles: Path = CANDLES,
    symbol: str = SYMBOL,
    venue: str = VENUE,
    lake: Path = LAKE,
    since: str = SINCE,
    until: str = UNTIL,
    settings: list[str] = _SETTINGS,
    fee_bps: float = FEE_BPS,
    maker_fee_bps: float = _MAKER_FEE_BPS,
    capital: float = CAPITAL,
    brackets: Path = BRACKETS,
    json_out: str = _JSON,
    trades_out: str = _TRADES,
    html_out: str = _HTML,
    slippage_bps: float = SLIPPAGE_BPS,
    funding: Path = FUNDING,
    forecasts: str = FORECASTS,
    tick: float = _TICK,
    step: float = _STEP,
    min_notional: float = _MIN_NOTIONAL,
    impact: float = _IMPACT,
) -> None:
    """Back-test one parameter set over a candle file, or over a symbol of the lake.

    Defaults are those of the night: signals on the strategy's own candles, fees, slippage, and the
    funding of the lake. A file may be CSV, Parquet, feather or JSON. --strategy maker (or
    --preset maker) simulates the market-maker grid; --strategy ensemble weighs strategies by regime
    and recent results on one account (--set members=A+B). With --tick, --step, --min-notional or
    --impact the strategy runs on the account simulation (docs/simulation.md).

    Example: nocturne backtest --strategy breakout --candles BTCUSDT.parquet
    --set k=0.5 --set filters=off --trades trades.parquet --html result.html

    Example: nocturne backtest --strategy breakout --symbol BTCUSDT --from 2025-05-10
    --to 2025-06-20 --lake data_lake
    """
    options = BacktestOptions(
        strategy=strategy,
        preset=preset,
        market=MarketChoice(candles, symbol, venue, lake, since, until, funding, forecasts),
        settings=settings,
        fee_bps=fee_bps,
        maker_fee_bps=maker_fee_bps,
        slippage_bps=slippage_bps,
        capital=capital,
        brackets=brackets,
        trades_out=trades_out,
        html_out=html_out,
        venue=VenueOptions(funding, tick, step, min_notional, impact),
    )
    _run(options, json_out)


def _run(options: BacktestOptions, json_out: str | None) -> None:
    from cli.backtesting.results import STDOUT, check_output, write_json
    from cli.inputs.strategy_choice import ENSEMBLE, is_maker
    from cli.pages.html_file import check_page

    check_output("--json", json_out)
    check_output("--trades", options.trades_out)
    check_page(options.html_out)
    _refuse_page(options)
    if is_maker(options.strategy, options.preset):
        document, text = _run_maker(options)
    elif options.strategy == ENSEMBLE:
        document, text = _run_ensemble(options)
    else:
        document, text = _run_strategy(options)
    write_json(json_out, document)
    if json_out != STDOUT:
        typer.echo(text)


def _refuse_page(options: BacktestOptions) -> None:
    from cli.inputs.strategy_choice import ENSEMBLE, is_maker
    from trading.errors import ParameterError

    if options.html_out is None:
        return
    several = options.strategy == ENSEMBLE or is_maker(options.strategy, options.preset)
    if several or options.venue.needs_account:
        raise ParameterError(
            "--html shows one strategy with whole positions; leave out --tick, --step, "
            "--min-notional and --impact, and take neither maker nor ensemble"
        )


def run_document(options: BacktestOptions) -> dict[str, Any]:
    """Return the JSON document of a strategy's back-test."""
    return _run_strategy(options)[0]


def _run_maker(options: BacktestOptions) -> Outcome:
    from cli.backtesting.maker import MakerRun, given_rules, refuse_others, run_maker, text_of

    others = ["--slippage-bps"] * (options.slippage_bps is not None)
    refuse_others(options.venue.given + options.market.given + others)
    given = given_rules(options.preset, options.settings)
    document = run_maker(
        MakerRun(
            options.market.file("maker"),
            given,
            options.fee_bps,
            options.maker_fee_bps,
            options.trades_out,
        )
    )
    return document, text_of(document)


def _run_ensemble(options: BacktestOptions) -> Outcome:
    from cli.backtesting.ensemble_run import ensemble_run, run_ensemble, text_of

    others = options.venue.given + options.market.given
    others += ["--preset"] * (options.preset is not None)
    wanted = ensemble_run(options.market.file("ensemble"), options.settings, options.costs, others)
    document = run_ensemble(wanted, options.trades_out)
    return document, text_of(document)


def _run_strategy(options: BacktestOptions) -> Outcome:
    from cli.backtesting.venue_backtest import VenueRun, run_venue
    from cli.backtesting.venue_backtest import text_of as venue_text
    from cli.inputs.strategy_choice import choose
    from cli.summary.strategy_run import run_strategy, write_trades

    strategy, fixed = choose(options.strategy, options.preset, options.settings)
    if options.venue.needs_account:
        options.market.refuse_forecasts("an account simulation of a file")
        file = options.market.file("an account simulation")
        document = run_venue(
            VenueRun(strategy, file, fixed, options.costs, options.venue, options.trades_out)
        )
        return document, venue_text(document)
    ran = run_strategy(strategy, fixed, options.market, options.costs)
    if options.trades_out is not None:
        write_trades(options.trades_out, ran.result.trades)
    if options.html_out is not None:
        ran.write_page(options.html_out)
    return ran.document(), ran.text()
