"""`nocturne account`: several strategies and symbols on one balance."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.backtesting.account_file import AccountFile
    from trading.research.account_metrics import ProfitMetrics
    from trading.simulation.account.simulation import AccountResult, TradedStrategy

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_SHARES = ("total_return", "cagr", "max_drawdown", "win_rate")
_MONEY = ("profit", "fees", "funding")


@app.command()
def account(
    file: Path = typer.Argument(
        ..., help="TOML file: balance, costs, limits, symbols and strategies."
    ),
    json_out: str = typer.Option(
        None, "--json", help="Write the result to this file; - is standard output."
    ),
    trades_out: str = typer.Option(None, "--trades", help="Write the trades to this Parquet file."),
    equity_out: str = typer.Option(
        None, "--equity", help="Write the equity at each candle's close to this Parquet file."
    ),
) -> None:
    """Simulate several strategies and symbols on one account, under its limits.

    See docs/simulation.md and config/account.example.toml for the file.

    Example: nocturne account config/account.example.toml --json account.json
    """
    from cli.backtesting.account_file import read_account_file
    from cli.backtesting.results import STDOUT, check_output, write_json

    wanted = read_account_file(file)
    for option, target in (
        ("--json", json_out),
        ("--trades", trades_out),
        ("--equity", equity_out),
    ):
        check_output(option, target)
    traded, run, seconds = _run(wanted, file)
    document = _document(wanted, traded, run) | seconds
    write_table(trades_out, "--trades", lambda: trades_table(traded, run))
    write_table(equity_out, "--equity", lambda: _equity_table(run))
    write_json(json_out, document)
    if json_out != STDOUT:
        print_result(document)


def _run(
    wanted: AccountFile, file: Path
) -> tuple[list[TradedStrategy], AccountResult, dict[str, float]]:
    from cli.backtesting.account_file import beside, filters_of, read_funding, traded_by
    from cli.backtesting.results import enable_compiling
    from cli.inputs.candle_files import read_candles
    from trading.candles import interval_name
    from trading.simulation.account.simulation import (
        AccountSettings,
        SymbolMarkets,
        simulate_account,
    )

    begun = time.perf_counter()
    used = {part.symbol for part in wanted.pairs}
    parts = {name: part for name, part in wanted.symbols.items() if name in used}
    candles = {name: read_candles(beside(file, part.candles)) for name, part in parts.items()}
    funding = {
        name: read_funding(beside(file, part.funding))
        for name, part in parts.items()
        if part.funding is not None
    }
    seconds_load = time.perf_counter() - begun
    intervals = {name: interval_name(columns.interval_ms) for name, columns in candles.items()}
    traded = traded_by(wanted, file, intervals)
    enable_compiling()
    begun = time.perf_counter()
    markets = SymbolMarkets(candles, filters_of(wanted, file), funding)
    settings = AccountSettings(wanted.balance, wanted.costs, wanted.account_limits, wanted.exchange)
    run = simulate_account(traded, markets, settings)
    seconds = {"seconds_load": seconds_load, "seconds_run": time.perf_counter() - begun}
    return traded, run, seconds


def _document(
    wanted: AccountFile, traded: Sequence[TradedStrategy], run: AccountResult
) -> dict[str, Any]:
    from cli.backtesting.account_file import document_of
    from trading.research.account_metrics import account_metrics, profit_metrics

    own = [profit_metrics(run.profit[run.place == place]) for place in range(len(traded))]
    return {
        **document_of(wanted),
        "equity": float(run.equity[-1]),
        "measures": account_metrics(run, wanted.balance).as_dict(),
        "seats": [_row(one, earned) for one, earned in zip(traded, own, strict=True)],
        "refused": dict(run.refused),
        "ambiguous_candles": run.ambiguous_candles,
    }


def _row(one: TradedStrategy, earned: ProfitMetrics) -> dict[str, Any]:
    named = {"strategy": one.strategy.name, "symbol": one.symbol, "params": dict(one.params)}
    return named | earned.as_dict()


def write_table(target: str | None, option: str, make: Any) -> None:
    """Write the table that ``make`` returns to a Parquet file, if there is a target."""
    import pyarrow.parquet as pq

    from trading.errors import DataError

    if target is None:
        return
    try:
        pq.write_table(make(), target, compression="zstd")
    except OSError as error:
        raise DataError(f"{option} {target} cannot be written: {error}") from error


def trades_table(traded: Sequence[TradedStrategy], run: AccountResult) -> Any:
    """Return a table of the trades, one row each."""
    import pyarrow as pa

    moment = pa.timestamp("ms", "UTC")
    owners = [traded[place] for place in run.place.tolist()]
    return pa.table(
        {
            "strategy": pa.array([one.strategy.name for one in owners], pa.string()),
            "symbol": pa.array([one.symbol for one in owners], pa.string()),
            "entry_time": pa.array(run.entry_time, pa.int64()).cast(moment),
            "exit_time": pa.array(run.exit_time, pa.int64()).cast(moment),
            "side": pa.array(run.side, pa.int64()).cast(pa.int8()),
            "entry_price": pa.array(run.entry_price, pa.float64()),
            "exit_price": pa.array(run.exit_price, pa.float64()),
            "quantity": pa.array(run.quantity, pa.float64()),
            "profit": pa.array(run.profit, pa.float64()),
            "reason": pa.array(run.reason.tolist(), pa.string()),
            "risk_wanted": pa.array(run.risk_wanted, pa.float64(), from_pandas=True),
            "risk_taken": pa.array(run.risk_taken, pa.float64(), from_pandas=True),
            "bound_by": pa.array(run.bound_by.tolist(), pa.string()),
        }
    )


def _equity_table(run: AccountResult) -> Any:
    import pyarrow as pa

    times = pa.array(run.moments, pa.int64()).cast(pa.timestamp("ms", "UTC"))
    return pa.table({"open_time": times, "equity": pa.array(run.equity, pa.float64())})


def print_result(document: dict[str, Any]) -> None:
    """Print the account's measures, a line per strategy and symbol, and the refused entries."""
    from cli.tables import text_table
    from flows.report.tables import said_instead

    lines = {"balance": document["balance"], "equity": document["equity"]} | document["measures"]
    width = max(len(name) for name in lines)
    for name, value in lines.items():
        text = said_instead(name, lines) or shown(name, value)
        typer.echo(f"{name:<{width}}  {text:>14}")
    head = ("strategy", "symbol", "trades", "profit", "win_rate", "profit_factor", "reward_to_risk")
    rows = [
        [
            *(str(row[name]) for name in head[:2]),
            *(said_instead(name, row) or shown(name, row[name]) for name in head[2:]),
        ]
        for row in document["seats"]
    ]
    typer.echo("\n" + text_table(head, rows, left=(0, 1)))
    refused = [(name, f"{count:,}") for name, count in document["refused"].items() if count]
    if refused:
        typer.echo("\n" + text_table(("entries refused", "count"), refused, left=(0,)))


def shown(name: str, value: float) -> str:
    """Format a measure of the account."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2%}" if name in _SHARES else f"{value:,.2f}"
