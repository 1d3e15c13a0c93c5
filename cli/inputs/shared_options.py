"""Options that `nocturne backtest` and `nocturne search` share."""

from __future__ import annotations

import typer

from trading import defaults

STRATEGY = typer.Option(
    None, help="Strategy (see `nocturne strategies list`), or package.module:Class."
)
CANDLES = typer.Option(
    None, help="File of candles: CSV, Parquet, feather or JSON; see docs/simulation.md."
)
SYMBOL = typer.Option(None, help="Symbol of the lake, instead of --candles; e.g. BTCUSDT.")
VENUE = typer.Option("binance_usdm", help="Venue of --symbol.")
LAKE = typer.Option(None, help="Lake of --symbol; default: $NOCTURNE_LAKE, or data_lake.")
SINCE = typer.Option(None, "--from", help="First UTC day or time that is traded.")
UNTIL = typer.Option(None, "--to", help="UTC day or time at which the run ends (excluded).")
FEE_BPS = typer.Option(defaults.FEE_BPS, help="Fee of each side, in basis points.")
SLIPPAGE_BPS = typer.Option(None, help="Slippage of market fills, in basis points; default: 1.")
CAPITAL = typer.Option(
    defaults.CAPITAL,
    help="Equity at the start, in quote currency; it decides the maintenance bracket.",
)
FUNDING = typer.Option(
    None, help="Parquet of funding_time and funding_rate: longs pay a positive rate."
)
BRACKETS = typer.Option(
    None, help="Margin brackets: a leverageBracket response (JSON); default: a large contract's."
)
FORECASTS = typer.Option(
    None,
    help="Rules of [forecasts], with the lake's out-of-sample forecasts: size,cost_filter=2.5.",
)
