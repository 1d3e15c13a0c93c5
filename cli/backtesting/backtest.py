"""`nocturne backtest`: one parameter set over one candle file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.inputs.shared_options import BRACKETS, CANDLES, CAPITAL, FEE_BPS, SLIPPAGE_BPS, STRATEGY

if TYPE_CHECKING:
    from trading.metrics import Dealings, Metrics
    from trading.simulation import Costs, Trades
    from trading.strategies.base import Strategy, Value

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def backtest(
    strategy: str = STRATEGY,
    preset: str = typer.Option(
        None, help="Parameters of this name in config/presets.toml, and their strategy."
    ),
    candles: Path = CANDLES,
    settings: list[str] = typer.Option(
        [], "--set", help="NAME=VALUE of a parameter; repeatable, the others keep their defaults."
    ),
    fee_bps: float = FEE_BPS,
    maker_fee_bps: float = typer.Option(
        None, help="Fee of fills that rest; without it --fee-bps (for maker: 2)."
    ),
    capital: float = CAPITAL,
    brackets: Path = BRACKETS,
    json_out: str = typer.Option(
        None, "--json", help="Write the result to this file; - is standard output."
    ),
    trades_out: str = typer.Option(None, "--trades", help="Write the trades to this Parquet file."),
    slippage_bps: float = SLIPPAGE_BPS,
    funding: Path = typer.Option(
        None, help="Parquet of funding_time and funding_rate: longs pay a positive rate."
    ),
    tick: float = typer.Option(0.0, min=0.0, help="Price tick that stops and targets lie on."),
    step: float = typer.Option(0.0, min=0.0, help="Quantities are cut to a multiple of it."),
    min_notional: float = typer.Option(0.0, min=0.0, help="Smaller orders are refused."),
    impact: float = typer.Option(
        0.0, min=0.0, help="Slippage times the root of the share of the candle's turnover."
    ),
) -> None:
    """Back-test one parameter set over a candle file.

    Signals are judged on every candle of the file unless signal_tf is set. The market-maker grid is
    simulated too: --strategy maker, or --preset maker; and --strategy ensemble weighs strategies by
    regime and recent results on one account (--set members=A+B). With --funding, --tick, --step,
    --min-notional or --impact it is one seat of the account simulation (docs/simulation.md).

    Example: nocturne backtest --strategy breakout --candles BTCUSDT.parquet
    --set k=0.5 --set filters=off --trades trades.parquet
    """
    from cli.backtesting.results import STDOUT, check_output, write_json
    from cli.backtesting.venue_backtest import Venue, VenueRun, run_venue
    from cli.backtesting.venue_backtest import text_of as venue_text
    from cli.inputs.margin import margin_of
    from cli.inputs.strategy_choice import ENSEMBLE, choose, is_maker
    from trading.simulation import Costs

    check_output("--json", json_out)
    check_output("--trades", trades_out)
    venue = Venue(funding, tick, step, min_notional, impact)
    if is_maker(strategy, preset):
        from cli.backtesting.maker import MakerRun, given_rules, refuse_others, run_maker, text_of

        refuse_others(venue.asked + ["--slippage-bps"] * bool(slippage_bps))
        given = given_rules(preset, settings)
        found = run_maker(MakerRun(candles, given, fee_bps, maker_fee_bps, trades_out))
        write_json(json_out, found)
        if json_out != STDOUT:
            typer.echo(text_of(found))
        return
    if strategy == ENSEMBLE:
        from cli.backtesting.ensemble_run import asked_for, run_ensemble
        from cli.backtesting.ensemble_run import text_of as ensemble_text

        costs = Costs(fee_bps, slippage_bps, maker_fee_bps, margin_of(capital, brackets, candles))
        others = venue.asked + ["--preset"] * (preset is not None)
        found = run_ensemble(asked_for(candles, settings, costs, others), trades_out)
        write_json(json_out, found)
        if json_out != STDOUT:
            typer.echo(ensemble_text(found))
        return
    chosen, fixed = choose(strategy, preset, settings)
    costs = Costs(fee_bps, slippage_bps, maker_fee_bps, margin_of(capital, brackets, candles))
    if venue.asked:
        document = run_venue(VenueRun(chosen, candles, fixed, costs, venue, trades_out))
        write_json(json_out, document)
        if json_out != STDOUT:
            typer.echo(venue_text(document))
        return
    document, metrics, dealings = _run(chosen, candles, fixed, costs, trades_out)
    write_json(json_out, document)
    if json_out != STDOUT:
        _print(metrics, dealings)


def _run(
    chosen: Strategy, path: Path, fixed: dict[str, Value], costs: Costs, trades_out: str | None
) -> tuple[dict[str, Any], Metrics, Dealings]:
    from cli.backtesting.results import enable_compiling, measured, with_file_interval
    from cli.inputs.candle_files import read_candles
    from trading.research.trading_costs import dealings_of
    from trading.simulation import backtest as run_backtest

    begun = time.perf_counter()
    columns = read_candles(path)
    seconds_load = time.perf_counter() - begun
    enable_compiling()
    result = run_backtest(chosen, columns, with_file_interval(chosen, fixed, (), columns), costs)
    if trades_out is not None:
        _write_trades(trades_out, result.trades)
    dealings = dealings_of(result, costs)
    document = {
        "strategy": chosen.name,
        "candles": str(path),
        "fee_bps": costs.fee_bps,
        "slippage_bps": costs.slippage_bps,
        "capital": costs.margin.capital,
        "seconds_load": seconds_load,
        "seconds_compile": result.seconds_compile,
        "seconds_search": result.seconds_run,
        "ambiguous_candles": result.ambiguous_candles,
        "results": [measured(fixed, result.metrics)],
        "dealings": dealings.as_dict(),
    }
    return document, result.metrics, dealings


def _write_trades(target: str, trades: Trades) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from trading.errors import DataError

    moment = pa.timestamp("ms", "UTC")
    table = pa.table(
        {
            "signal_time": pa.array(trades.signal_time, pa.int64()).cast(moment),
            "entry_time": pa.array(trades.entry_time, pa.int64()).cast(moment),
            "exit_time": pa.array(trades.exit_time, pa.int64()).cast(moment),
            "side": pa.array(trades.side, pa.int8()),
            "entry_price": pa.array(trades.entry_price, pa.float64()),
            "exit_price": pa.array(trades.exit_price, pa.float64()),
            "net_return": pa.array(trades.net_return, pa.float64()),
            "reason": pa.array(trades.reason.tolist(), pa.string()),
        }
    )
    try:
        pq.write_table(table, target, compression="zstd")
    except OSError as error:
        raise DataError(f"--trades {target} cannot be written: {error}") from error


def _print(metrics: Metrics, dealings: Dealings) -> None:
    """Every measure on its own line."""
    from cli.backtesting.results import format_measure

    measures = metrics.as_dict() | dealings.as_dict()
    width = max(len(name) for name in measures)
    for name, value in measures.items():
        typer.echo(f"{name:<{width}}  {format_measure(name, value):>12}")
