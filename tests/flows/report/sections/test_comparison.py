"""The ICT strategies side by side in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.report.sections.comparison import comparisons
from flows.steps.reporting.report import build_report
from lake.releases import Candidate, FlowRun, StrategyEntry, publish
from lake.store import Lake
from tests.flows.report.lake import AS_OF, LATER, write_candles, write_research
from trading.strategies.registry import get_strategy

MEASURES: dict[str, float | int | str | None] = {
    "win_rate": 0.4,
    "profit_factor": 1.25,
    "sharpe": -0.75,
    "max_drawdown": 0.031,
    "reward_to_risk": 1.875,
    "total_return": -0.02,
    "trades": 30,
}
HEAD = ("ICT", "Strategy", "Symbol", "Win rate", "Profit factor", "Sharpe ratio")
HEAD += ("Maximum drawdown", "Average reward to risk", "Return", "Trades")


def entry(strategy: str, symbol: str = "BTCUSDT", **measures: Any) -> dict[str, Any]:
    return {"strategy": strategy, "symbol": symbol, "out_of_sample": {**MEASURES, **measures}}


def test_the_three_ict_strategies_are_listed_in_the_order_of_their_letters() -> None:
    names = ("ict_mixed", "breakout", "ict_conservative", "ict_aggressive")
    (one,) = comparisons([entry(name) for name in names])
    assert one.grid.head == HEAD
    cells = [[cell.text for cell in row] for row in one.grid.rows]
    assert [row[:2] for row in cells] == [
        ["A", "ict_conservative"],
        ["B", "ict_aggressive"],
        ["C", "ict_mixed"],
    ]
    assert cells[0][3:] == ["40.00 %", "1.25", "−0.75", "3.10 %", "1.88", "−2.00 %", "30"]
    assert one.grid.rows[0][5].tone == "bad"


def test_rows_are_grouped_by_symbol_and_without_trades_ratios_are_blank() -> None:
    names = ("ict_mixed", "ict_aggressive")
    entries = [entry(n, s, trades=0) for n in names for s in ("ETHUSDT", "BTCUSDT")]
    (one,) = comparisons(entries)
    found = [(row[0].text, row[2].text) for row in one.grid.rows]
    assert found == [("B", "BTCUSDT"), ("C", "BTCUSDT"), ("B", "ETHUSDT"), ("C", "ETHUSDT")]
    assert one.grid.rows[0][3].text == one.grid.rows[0][4].text == "–"


def test_a_single_ict_strategy_gets_no_comparison() -> None:
    assert comparisons([entry("ict_mixed"), entry("breakout")]) == ()


def test_the_report_holds_the_table(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    write_candles(lake)
    write_research(lake)
    strategies = tuple(
        StrategyEntry(
            strategy=name,
            symbol="BTCUSDT",
            params=get_strategy(name).resolve({}),
            out_of_sample=MEASURES,
        )
        for name in ("ict_aggressive", "ict_conservative", "ict_mixed")
    )
    run = FlowRun(id="run-1", name="nightly")
    candidate = Candidate(as_of=AS_OF, fingerprint=(), flow_run=run, strategies=strategies)
    publish(lake.published, candidate, AS_OF)
    page = build_report(lake, as_of=LATER, release_id=None).path.read_text()
    table = page.split("ICT strategies side by side")[1].split("</table>")[0]
    assert all(label in table for label in HEAD)
    assert table.count("<td") == 3 * len(HEAD)
