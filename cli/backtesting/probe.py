"""`nocturne probe`: test strategies for look-ahead and for a warm-up that is too short."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from trading.candles import CandleColumns
    from trading.research.probes.lookahead import Lookahead
    from trading.research.probes.warmup import Warmup
    from trading.strategies.base import Strategy
    from trading.strategies.parameters import Value

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Probe strategies for look-ahead and for a warm-up that is too short.\n\n"
    "Example: nocturne probe lookahead --strategy breakout --candles BTCUSDT.parquet",
)

_STRATEGY = typer.Option(
    ..., help="Strategy (see `nocturne strategies list`), or module:Class of your own."
)
_CANDLES = typer.Option(..., help="Parquet file with open_time (UTC), open, ..., volume.")
_SETTINGS = typer.Option(
    [], "--set", help="NAME=VALUE of a parameter; repeatable, the others keep their defaults."
)
_SEED = typer.Option(0, help="Seed of the sampled moments.")
_JSON = typer.Option(None, "--json", help="Write the findings to this file; - is standard output.")


@app.command()
def lookahead(
    strategy: str = _STRATEGY,
    candles: Path = _CANDLES,
    settings: list[str] = _SETTINGS,
    cuts: int = typer.Option(12, min=1, max=1000, help="Moments at which the data is cut off."),
    seed: int = _SEED,
    json_out: str = _JSON,
) -> None:
    """Re-run decisions and the trades of both engines on truncated data; nothing past may change.

    Exits with status 1 if a past value changed, and says which, when, before and after.

    The plain step also decides before and after it has seen later candles: one that keeps state
    outside of its buffer is found.

    Examples:
    nocturne probe lookahead --strategy breakout --candles BTCUSDT.parquet
    nocturne probe lookahead --strategy my_strategies:Reversal --candles BTCUSDT.parquet
    """
    from cli.backtesting.results import check_output
    from trading.research.probes.lookahead import probe_lookahead

    check_output("--json", json_out)
    chosen, columns, params = _prepare(strategy, candles, settings)
    found = probe_lookahead(chosen, params, columns, cuts=cuts, seed=seed)
    _finish(json_out, _lookahead_document(chosen.name, found), _lookahead_text(found), found.passed)


@app.command()
def warmup(
    strategy: str = _STRATEGY,
    candles: Path = _CANDLES,
    settings: list[str] = _SETTINGS,
    shares: str = typer.Option(
        "0.25,0.5,1,2", help="Lengths of history to try, as shares of the declared one."
    ),
    seed: int = _SEED,
    json_out: str = _JSON,
) -> None:
    """Show how decisions depend on the length of the history, against the declared warm-up.

    Exits with status 1 if the declared warm-up is too short.

    Example: nocturne probe warmup --strategy rsi_bollinger --candles BTCUSDT.parquet
    """
    from cli.backtesting.results import check_output
    from trading.research.probes.warmup import probe_warmup

    check_output("--json", json_out)
    wanted = _shares(shares)
    chosen, columns, params = _prepare(strategy, candles, settings)
    found = probe_warmup(chosen, params, columns, shares=wanted, seed=seed)
    _finish(json_out, _warmup_document(chosen.name, found), _warmup_text(found), found.passed)


def _prepare(
    name: str, path: Path, settings: list[str]
) -> tuple[Strategy, CandleColumns, dict[str, Value]]:
    """Return the strategy, the candles and the given parameters."""
    from cli.backtesting.results import enable_compiling, parse_settings
    from cli.inputs.candle_files import read_candles
    from cli.inputs.strategy_choice import find_strategy

    chosen = find_strategy(name)
    params = parse_settings(settings, chosen)
    columns = read_candles(path)
    enable_compiling()
    return chosen, columns, params


def _finish(target: str | None, document: dict[str, Any], text: str, passed: bool) -> None:
    from cli.backtesting.results import STDOUT, write_json

    write_json(target, document)
    if target != STDOUT:
        typer.echo(text)
    raise typer.Exit(0 if passed else 1)


def _lookahead_text(found: Lookahead) -> str:
    lines = [found.sentence, *(f"  {change.sentence}" for change in found.changes)]
    if found.changed > len(found.changes) > 0:
        lines.append(f"  and {found.changed - len(found.changes):,} more")
    return "\n".join(lines)


def _lookahead_document(strategy: str, found: Lookahead) -> dict[str, Any]:
    document = {"strategy": strategy, "passed": found.passed, **asdict(found)}
    for change in document["changes"]:
        for side in ("before", "after"):
            change[side] = _json_number(change[side])
    return document


def _warmup_text(found: Warmup) -> str:
    from cli.tables import text_table

    rows = [
        (
            f"{row.share:g}",
            f"{row.compared:,}",
            f"{row.changed:,}",
            f"{row.difference:.1e}",
            row.name or "-",
        )
        for row in found.rows
    ]
    header = ("history", "decisions", "other actions", "largest difference", "of")
    lines = [text_table(header, rows, left=(4,)), found.sentence]
    if found.lengthened:
        lines.append("too few candles for this warm-up: their mirror image was put before them")
    return "\n".join(lines)


def _warmup_document(strategy: str, found: Warmup) -> dict[str, Any]:
    rows = [{**asdict(row), "difference": _json_number(row.difference)} for row in found.rows]
    return {
        "strategy": strategy,
        "passed": found.passed,
        "declared": dict(found.declared),
        "points": found.points,
        "lengthened": found.lengthened,
        "rows": rows,
    }


def _json_number(value: Any) -> Any:
    """Replace NaN and infinity, which JSON lacks, with null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shares(text: str) -> tuple[float, ...]:
    from trading.errors import ParameterError

    shares = []
    for item in text.split(","):
        try:
            share = float(item)
        except ValueError:
            share = math.nan
        if not 0.0 < share <= 100.0:
            raise ParameterError(
                f"--shares {text}: {item.strip()!r} is not a share above 0 and up to 100;"
                " write for example 0.5,1,2"
            )
        shares.append(share)
    return tuple(shares)
