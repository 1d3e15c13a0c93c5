"""Options that `nocturne backtest` and `nocturne search` share."""

from __future__ import annotations

import typer

STRATEGY = typer.Option(
    None, help="Strategy (see `nocturne strategies list`), or package.module:Class."
)
CANDLES = typer.Option(..., help="Parquet file with open_time (UTC), open, ..., volume.")
FEE_BPS = typer.Option(5.0, help="Fee of each side, in basis points.")
SLIPPAGE_BPS = typer.Option(0.0, help="Slippage of market fills, in basis points.")
CAPITAL = typer.Option(
    10_000.0, help="Equity at the start, in quote currency; it decides the maintenance bracket."
)
FUNDING = typer.Option(
    None, help="Parquet of funding_time and funding_rate: longs pay a positive rate."
)
BRACKETS = typer.Option(
    None, help="Margin brackets: a leverageBracket response (JSON); default: a large contract's."
)
