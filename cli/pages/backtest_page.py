"""`nocturne backtest --html`: the page of one back-test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trading.candles import CandleColumns
    from trading.simulation import BacktestResult, Costs


@dataclass(frozen=True, slots=True)
class PageInputs:
    """What was run and what came of it; ``measures`` include those of the costs."""

    strategy: str
    candles_file: Path
    params: Mapping[str, Any]
    candles: CandleColumns
    result: BacktestResult
    measures: Mapping[str, float | int]
    costs: Costs


def write_page(target: str, inputs: PageInputs) -> None:
    """Write the page atomically; `DataError` if the file cannot be written."""
    from flows.report.backtest_page import BacktestRun, backtest_html
    from flows.report.views import Fact
    from lake.files import write_bytes
    from trading.errors import DataError

    costs = inputs.costs
    facts = (
        Fact("Fee of a fill", f"{costs.fee_bps:g} bp"),
        Fact("Slippage of a market fill", f"{costs.slippage_bps:g} bp"),
        Fact("Funding", "as given" if costs.funding else "none given"),
    )
    page = backtest_html(
        BacktestRun(
            strategy=inputs.strategy,
            source=inputs.candles_file.name,
            params=inputs.params,
            candles=inputs.candles,
            trades=inputs.result.trades,
            measures=inputs.measures,
            capital=costs.margin.capital,
            costs=facts,
        )
    )
    try:
        write_bytes(Path(target), page.encode())
    except OSError as error:
        raise DataError(f"--html {target} cannot be written: {error}") from error
