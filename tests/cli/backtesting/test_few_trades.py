"""What the command line prints of measures that too few trades carry: the words of the report."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cli.backtesting.maker_search import table_of
from cli.backtesting.results import results_table, shown_measure
from cli.backtesting.venue_backtest import text_of
from flows.report.tables import FEW_TRADES, NEED_TRADES, measured
from trading.metrics import Metrics

FEW = Metrics(0.1, 1, 1.0, 0.0, 13.5, 2.0, 3.0, 1.4, 0.1, 0.3, 0.2, 0.0, 90)
ENOUGH = FEW._replace(trades=FEW_TRADES)


@pytest.mark.parametrize("name", sorted(NEED_TRADES & set(FEW.as_dict())))
def test_a_measure_of_one_trade_is_too_few_at_the_command_line_as_in_the_report(name: str) -> None:
    few, enough = FEW.as_dict(), ENOUGH.as_dict()
    assert shown_measure(name, few) == measured(name, few) == "too few"
    assert re.fullmatch(r"[\d.]+%?", shown_measure(name, enough))


def test_other_measures_of_one_trade_are_figures() -> None:
    assert shown_measure("total_return", FEW.as_dict()) == "10.00%"
    assert shown_measure("trades", FEW.as_dict()) == "1"


def test_only_winners_have_no_loss_and_no_trade_has_no_ratio() -> None:
    winners = ENOUGH._replace(profit_factor=0.0).as_dict()
    assert shown_measure("profit_factor", winners) == "no loss"
    assert shown_measure("sharpe", FEW._replace(trades=0).as_dict()) == "–"


def test_every_table_of_a_search_says_so() -> None:
    rows = results_table([({"k": 0.5}, FEW), ({"k": 0.6}, ENOUGH)]).splitlines()
    assert [row.count("too few") for row in rows[-2:]] == [2, 0]  # sharpe and profit factor
    row = {"params": {"k": 0.5}, **FEW.as_dict()}
    assert "too few" in table_of([row], ["k"], ("trades", "sharpe"))


def test_a_simulated_account_says_so() -> None:
    document: dict[str, Any] = {"results": [{"params": {}, **FEW.as_dict()}], "refused": {}}
    assert re.search(r"^sharpe +too few$", text_of(document), re.MULTILINE)
    assert re.search(r"^trades +1$", text_of(document), re.MULTILINE)
