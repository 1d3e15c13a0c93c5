"""`nocturne sandbox`: serve the simulated exchange, query a running one, audit its ledger."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The simulated exchange.\n\n"
    "Example: nocturne sandbox serve --candles data_lake/sample/candles_1m/usdm",
)


@app.command()
def serve(
    candles: Path = typer.Option(
        Path(), help="Folder of SYMBOL.parquet one-minute candles, or a lake."
    ),
    live: bool = typer.Option(
        False, "--live", help="Follow the public streams of an exchange instead of a recording."
    ),
    upstream: str = typer.Option(
        "", help="Base URL of the exchange that --live follows; by default Binance."
    ),
    stale_after: float = typer.Option(
        10.0, help="Seconds without a message after which a followed symbol does not fill."
    ),
    venue: str = typer.Option("usdm", help="usdm, spot, both, upbit or kis."),
    begin: str | None = typer.Option(None, "--from", help="First replayed minute (ISO, UTC)."),
    end: str | None = typer.Option(None, "--to", help="End of the replay (ISO, UTC), exclusive."),
    clock: str = typer.Option("real", help="real, accelerated, stepped or lockstep."),
    speed: float = typer.Option(60.0, help="Market seconds per second of --clock accelerated."),
    seed: int = typer.Option(1, help="Seed for what the recording leaves open."),
    port: int = typer.Option(0, help="Port on 127.0.0.1; 0 takes a free one."),
    key: str = typer.Option("sandbox", help="API key of the account."),
    secret: str = typer.Option("sandbox", help="API secret of the account."),
    balance: list[str] = typer.Option(
        [],
        help="First deposit, ASSET=AMOUNT; by default USDT=10000, on upbit and kis KRW=10000000.",
    ),
    ledger: Path | None = typer.Option(None, help="SQLite file for the exchange's own ledger."),
    symbols: str = typer.Option("", help="Only these symbols, separated by commas."),
    instruments: Path | None = typer.Option(
        None, help="exchangeInfo JSON; else instruments.json near the candles, else built-in rules."
    ),
    funding: Path | None = typer.Option(None, help="Folder of SYMBOL.parquet funding rates."),
    weight_limit: int | None = typer.Option(
        None, help="Request weight per minute before 429; 2400 on usdm and 6000 on spot."
    ),
    count_orders: bool = typer.Option(True, help="Limit orders per interval (-1015)."),
    accounts: Path | None = typer.Option(None, help="TOML file of several accounts."),
    fills: str = typer.Option(
        "whole", help="whole: orders fill at once; volume: bounded by the recorded volume."
    ),
    gaps: str = typer.Option(
        "still",
        help="Minutes without a candle: still (the last price stands) or breaks (no orders).",
    ),
    mark: str = typer.Option("last", help="The mark price: last, smoothed or recorded."),
    marks: Path | None = typer.Option(
        None, help="Folder of SYMBOL.parquet mark price candles, for --mark recorded."
    ),
    indexes: Path | None = typer.Option(
        None, help="Folder of SYMBOL.parquet index price candles; default: near the candles."
    ),
    trades: Path | None = typer.Option(None, help="Folder of SYMBOL.parquet recorded trades."),
    quotes: Path | None = typer.Option(None, help="Folder of SYMBOL.parquet best bids and asks."),
    faults: Path | None = typer.Option(None, help="TOML scenario of faults."),
    state: Path | None = typer.Option(
        None, help="SQLite file that keeps the state across restarts; resumed when it exists."
    ),
    state_every: float = typer.Option(
        0.0, help="Seconds between saves, 0 after every change; a kill loses what is not saved."
    ),
    redate: str = typer.Option(
        "", help="now: move the recording, so that its first minute is the running one."
    ),
    strict: bool = typer.Option(True, help="Refuse unknown, repeated and empty parameters."),
    retired: bool = typer.Option(False, help="Also serve the endpoints that Binance has retired."),
) -> None:
    """Serve the exchange until SIGTERM; print one line when it listens.

    Example: nocturne sandbox serve --candles data_lake/sample/candles_1m/usdm
    --from 2025-06-20 --to 2025-06-21 --clock accelerated --speed 600 --ledger exchange.sqlite

    Paper trading: nocturne sandbox serve --live --symbols BTCUSDT,ETHUSDT --port 8900
    --state paper.sqlite
    """
    options = dict(locals())
    from sandbox.server.main import run
    from sandbox.server.settings import read_options

    run(read_options(options))


@app.command()
def status(url: str = typer.Option(..., help="Base URL that `serve` printed.")) -> None:
    """Print the status of a running sandbox as JSON.

    Example: nocturne sandbox status --url http://127.0.0.1:40123
    """
    from sandbox.server.main import fetch_status

    typer.echo(fetch_status(url))


@app.command()
def fault(
    kind: str = typer.Argument("", help="Kind of fault; without one, show the pending faults."),
    setting: list[str] = typer.Argument(None, help="NAME=VALUE, such as count=2 path=algoOrder."),
    url: str = typer.Option(..., help="Base URL that `serve` printed."),
    file: Path | None = typer.Option(None, help="TOML scenario instead of one fault."),
    clear: bool = typer.Option(False, help="Remove the pending faults."),
) -> None:
    """Inject a fault into a running sandbox, or show the pending ones.

    Example: nocturne sandbox fault unknown_503 method=POST path=/order$ --url http://127.0.0.1:40123
    """
    from sandbox.faults.client import inject_faults

    typer.echo(inject_faults(url, kind, setting or [], file, clear=clear))


@app.command()
def audit(
    ledger: Path = typer.Option(..., help="SQLite file that `serve --ledger` wrote."),
    executor: Path | None = typer.Option(None, help="Executor ledger to compare it with."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    digest: bool = typer.Option(
        False, help="Print only a hash that ignores wall times; replays of one seed agree."
    ),
) -> None:
    """Check a ledger: money, fills, positions, order states. Exit 1 on a violation.

    Example: nocturne sandbox audit --ledger exchange.sqlite
    """
    from sandbox.audit.both_ledgers import audit_both
    from sandbox.audit.exchange_ledger import audit_ledger, digest_ledger

    if digest:
        typer.echo(digest_ledger(ledger))
        return
    report = audit_both(ledger, executor) if executor else audit_ledger(ledger)
    typer.echo(report.to_json() if as_json else report.to_text())
    if report.violations:
        raise typer.Exit(1)
