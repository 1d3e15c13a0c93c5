"""The market-maker grid on the command line: simulated only, with rules instead of parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.inputs.strategy_choice import MAKER
from trading.errors import DataError, ParameterError
from trading.market_making.quoting import MakerRules

if TYPE_CHECKING:
    from trading.candles import CandleColumns
    from trading.market_making.backtest import MakerResult

NAME = MAKER
SUMMARY = "Quote a grid around the mid; simulated only, by `backtest` and `search`."
MAKER_FEE_BPS = 2.0
MEANINGS = {
    "levels": "quotes per side",
    "spacing": "distance of the quotes, as a share of the price",
    "life_ms": "ms after which quotes are placed again around the mid",
    "max_lots": "largest number of lots",
    "take_profit": "distance of a lot's closing quote, as a share of its price",
    "size": "notional of a lot, as a share of the account",
    "spike": "ATR(5) / ATR(60) from which nothing more is opened",
    "stale_ms": "ms without a book update after which nothing more is opened",
    "daily_loss": "daily loss limit, as a share of the account",
    "loss_margin": "share of that limit from which nothing more is opened",
    "emergency_stop": "loss at which a lot is closed at market, as a share of its price",
}


@dataclass(frozen=True, slots=True)
class MakerRun:
    """One back-test of the maker: candles, given rules, fees and the file of the trades."""

    candles: Path
    given: Mapping[str, Any]
    fee_bps: float
    maker_fee_bps: float | None
    trades_out: str | None


def refuse_others(options: Sequence[str], owner: str = NAME) -> None:
    """Refuse ``options`` that the maker or ``owner`` does not have."""
    for option in options:
        raise ParameterError(f"{option} is not for the {owner}; leave it out")


def given_rules(
    preset: str | None, settings: Sequence[str], searched: Collection[str] = ()
) -> dict[str, Any]:
    """Return the rules of the preset and of ``--set NAME=VALUE``.

    ``settings`` override the preset; the ``searched`` names are left out of it.
    """
    from cli.inputs.strategy_choice import find_preset

    texts: dict[str, str] = {}
    if preset is not None:
        own = find_preset(preset).params
        texts |= {name: str(value) for name, value in own.items() if name not in searched}
    for text in settings:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise ParameterError(
                f"--set '{text}' has no value; write NAME=VALUE, for example spacing=0.003"
            )
        texts[name] = value
    return {name: _number(name, text) for name, text in texts.items()}


def _number(name: str, text: str) -> float | int:
    kinds = {field.name: field.type for field in fields(MakerRules)}
    if name not in kinds:
        raise ParameterError(f"maker has no rule '{name}'; it has {', '.join(kinds)}")
    try:
        return int(text) if kinds[name] == "int" else float(text)
    except ValueError as error:
        wanted = "a whole number" if kinds[name] == "int" else "a number"
        raise ParameterError(f"maker: {name} = {text} is not {wanted}") from error


def show() -> str:
    """Format the rules for `nocturne strategies show maker`."""
    from cli.tables import text_table

    defaults = asdict(MakerRules())
    rows = [
        (field.name, str(field.type), str(defaults[field.name]), MEANINGS[field.name])
        for field in fields(MakerRules)
    ]
    header = ("rule", "type", "default", "meaning")
    return f"{NAME}: {SUMMARY}\n\n{text_table(header, rows, left=(0, 1, 3))}"


def minutes_of(file: Path) -> CandleColumns:
    """Read the candles of a file; `DataError` if they are not of one minute."""
    from cli.inputs.candle_files import read_candles
    from trading.candles import MINUTE_MS

    columns = read_candles(file)
    if columns.interval_ms != MINUTE_MS:
        raise DataError(f"{file} does not hold 1-minute candles, which the maker needs")
    return columns


def run_maker(wanted: MakerRun) -> dict[str, Any]:
    """Simulate the grid over a file of one-minute candles; return the JSON document."""
    from trading.market_making.backtest import simulate_maker

    rules = MakerRules(**wanted.given)
    columns = minutes_of(wanted.candles)
    maker_fee = MAKER_FEE_BPS if wanted.maker_fee_bps is None else wanted.maker_fee_bps
    result = simulate_maker(columns, rules, maker_fee_bps=maker_fee, taker_fee_bps=wanted.fee_bps)
    if wanted.trades_out is not None:
        _write_trades(wanted.trades_out, result)
    return {
        "strategy": NAME,
        "candles": str(wanted.candles),
        "fee_bps": wanted.fee_bps,
        "maker_fee_bps": maker_fee,
        "results": [{"params": asdict(rules), **measures_of(result)}],
        "held_lots": len(result.lots),
        "most_lots": result.most_lots,
        "withdrawn": dict(sorted(result.stops.items())),
    }


def measures_of(result: MakerResult) -> dict[str, float | int]:
    """Measure the lots as `trading.metrics` does; ``total_return`` is that of the account."""
    import numpy as np

    from trading.research.trading_costs import reward_to_risk

    returns = np.array([trade.net_return for trade in result.trades])
    count = len(returns)
    losses = -float(returns[returns < 0.0].sum())
    return {
        "total_return": result.account_return,
        "trades": count,
        "win_rate": float((returns > 0.0).mean()) if count else 0.0,
        "profit_factor": float(returns[returns > 0.0].sum()) / losses if losses > 0.0 else 0.0,
        "reward_to_risk": reward_to_risk(returns),
        "expectancy": float(returns.mean()) if count else 0.0,
        "worst_trade": min(0.0, float(returns.min())) if count else 0.0,
    }


def text_of(document: Mapping[str, Any]) -> str:
    """Format every measure on its own line, then what withdrew the quotes."""
    from cli.backtesting.results import shown_measure

    measures = {key: value for key, value in document["results"][0].items() if key != "params"}
    measures |= {"held_lots": document["held_lots"], "most_lots": document["most_lots"]}
    measures |= {f"withdrawn: {name}": count for name, count in document["withdrawn"].items()}
    width = max(len(name) for name in measures)
    lines = [f"{name:<{width}}  {shown_measure(name, measures):>12}" for name in measures]
    return "\n".join(lines)


def _write_trades(target: str, result: MakerResult) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    moment = pa.timestamp("ms", "UTC")
    trades = result.trades
    table = pa.table(
        {
            "entry_time": pa.array([t.opened_ms for t in trades], pa.int64()).cast(moment),
            "exit_time": pa.array([t.closed_ms for t in trades], pa.int64()).cast(moment),
            "side": pa.array([t.side for t in trades], pa.int8()),
            "entry_price": pa.array([t.entry_price for t in trades], pa.float64()),
            "exit_price": pa.array([t.exit_price for t in trades], pa.float64()),
            "net_return": pa.array([t.net_return for t in trades], pa.float64()),
            "reason": pa.array([t.reason for t in trades], pa.string()),
        }
    )
    try:
        pq.write_table(table, target, compression="zstd")
    except OSError as error:
        raise DataError(f"--trades {target} cannot be written: {error}") from error
