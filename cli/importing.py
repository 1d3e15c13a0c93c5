"""`nocturne import`: files of market data into the lake."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.inputs.lake_choice import LAKE_HELP, lake_root
from cli.inputs.progress import ProgressLine

if TYPE_CHECKING:
    from lake.ingest.discovery import Layout
    from lake.ingest.reports import ImportReport

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Import files of market data into the lake; a file that is there already is not read.\n\n"
    "Example: nocturne import freqtrade ~/freqtrade/user_data",
)

_LAKE = typer.Option(None, "--lake", help=LAKE_HELP)
_SYMBOLS = typer.Option(None, "--symbols", help="Only these, separated by commas.")


@app.command()
def freqtrade(
    folder: Path = typer.Argument(help="user_data, user_data/data, or the folder of one exchange."),
    symbols: str = _SYMBOLS,
    lake: Path = _LAKE,
) -> None:
    """Import candles and funding rates that freqtrade downloaded.

    Feather, Parquet and JSON (plain or gzipped); spot and USDⓈ-M futures of Binance, and Upbit.

    Example: nocturne import freqtrade ~/freqtrade/user_data --symbols BTCUSDT,ETHUSDT
    """
    _run(folder, lake, symbols, "binance_spot", "freqtrade")


@app.command()
def folder(
    folder: Path = typer.Argument(help="A folder of candle files and archive ZIPs."),
    venue: str = typer.Option(
        "binance_usdm", help="binance_usdm, binance_spot, upbit or krx; for paths that name none."
    ),
    symbols: str = _SYMBOLS,
    lake: Path = _LAKE,
) -> None:
    """Import a folder of own files: SYMBOL.csv, SYMBOL-1m.feather, SYMBOL.parquet, archive ZIPs.

    Columns of Binance, freqtrade, TradingView, MetaTrader, Upbit and KRX are known. Folders `spot`,
    `usdm`, `upbit` or `krx` say the venue, folders such as `candles_1m` the interval.

    Example: nocturne import folder ~/candles --venue binance_spot
    """
    _run(folder, lake, symbols, venue, "any")


def _run(folder: Path, lake: Path | None, symbols: str | None, venue: str, layout: Layout) -> None:
    from lake.ingest.importer import import_folder
    from lake.store import Lake
    from lake.tables import VENUES
    from trading.errors import ParameterError
    from trading.market.symbols import check_symbol

    if venue not in VENUES:
        raise ParameterError(f"the venue '{venue}' is not known; known are {', '.join(VENUES)}")
    wanted = [check_symbol(name.strip()) for name in symbols.split(",")] if symbols else None
    root = lake_root(lake)
    progress = ProgressLine("import")
    report = import_folder(
        Lake(root), folder, datetime.now(UTC), venue, wanted, progress, layout=layout
    )
    progress.end()
    _explain(report, root)
    if report.failed:
        raise typer.Exit(1)


def _explain(report: ImportReport, root: Path) -> None:
    rows: dict[tuple[str, str], tuple[int, int]] = {}
    for file in report.files:
        if file.status == "imported":
            count, total = rows.get((file.venue, file.symbol), (0, 0))
            rows[file.venue, file.symbol] = (count + 1, total + file.rows)
    for (venue, symbol), (count, total) in sorted(rows.items()):
        name = f"{venue} {symbol}".strip() or "instruments"
        print(f"{name}: {total:,} rows of {count} file{'s' if count > 1 else ''}")
    for file in report.files:
        if file.reason:
            print(f"{'failed' if file.status == 'failed' else 'note'}: {file.path}: {file.reason}")
    known = sum(file.status == "unchanged" for file in report.files)
    print(
        f"{report.partitions_written} partitions written, {known} files unchanged, "
        f"{len(report.failed)} not usable; lake {root}"
    )
