"""Every strategy has a module, a scenario, a run and a line in the list.

The scenario is on hand-made candles, the run on real ones, the list is `nocturne strategies list`.
"""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from cli.main import main
from trading.strategies.registry import get_strategy, strategy_names

ROOT = Path(__file__).parents[2]
REAL_INPUTS = {"bitcoin", "ether", "night"}
ON_SAMPLE = "trading/strategies/test_technical.py::test_every_strategy_trades_on_the_bundled_sample"


@dataclass(frozen=True)
class Row:
    """One strategy: its modules, and the tests that show it."""

    modules: tuple[str, ...]
    scenario: str
    real: str = ON_SAMPLE


def technical(name: str, test: str, file: str = "test_technical.py") -> Row:
    """Return the row of a registered strategy in a module of its own name."""
    return Row((f"trading.strategies.technical.{name}",), f"trading/strategies/{file}::{test}")


def ict(name: str, test: str) -> Row:
    """Return the row of an ICT strategy."""
    module = name.removeprefix("ict_")
    return Row((f"trading.strategies.ict.{module}",), f"trading/strategies/test_ict.py::{test}")


ROWS = {
    # A. Technical strategies
    "breakout": technical(
        "breakout", "test_breakout_gives_its_reasons_to_enter_and_to_hold", "test_strategies.py"
    ),
    "combined": technical(
        "combined", "test_combined_buys_when_two_votes_have_a_mean_above_one_half"
    ),
    "bb_breakout": technical(
        "bb_breakout", "test_bb_breakout_buys_a_close_above_widening_bands_on_volume"
    ),
    "pullback": technical("pullback", "test_pullback_buys_when_a_weak_rsi_turns_up_in_a_rise"),
    "dynamic_breakout": technical(
        "dynamic_breakout", "test_dynamic_breakout_buys_strength_above_mean_and_band"
    ),
    "rsi_bollinger": technical(
        "rsi_bollinger", "test_rsi_bollinger_buys_weakness_and_sells_strength", "test_strategies.py"
    ),
    "momentum": technical("momentum", "test_momentum_buys_a_fast_rise_on_most_volume_above_vwap"),
    "wave": technical(
        "wave", "test_wave_buys_the_end_of_the_correction_and_leaves_at_the_projected_target"
    ),
    "ml": technical(
        "ml", "test_it_buys_on_a_forecast_above_the_price_and_leaves_on_one_below", "test_ml.py"
    ),
    # B. ICT
    "ict_conservative": ict(
        "ict_conservative",
        "test_conservative_enters_on_a_close_out_of_a_zone_in_the_trends_direction",
    ),
    "ict_aggressive": ict(
        "ict_aggressive", "test_aggressive_enters_at_once_when_a_gap_forms_after_a_sweep"
    ),
    "ict_mixed": ict("ict_mixed", "test_mixed_enters_out_of_a_zone_with_the_trend_after_a_sweep"),
    # C. Surge entry with staged averaging
    "surge": Row(
        ("trading.strategies.surge.strategy",),
        "trading/strategies/surge/test_sizing.py::test_the_profit_scenario",
    ),
    # D. Market maker grid
    "maker": Row(
        ("trading.market_making.quoting", "trading.market_making.backtest"),
        "trading/market_making/test_maker.py::test_a_fill_and_its_close_earn_the_spacing_less_two_maker_fees",
        "trading/market_making/test_maker.py::test_the_real_sample_is_quoted_within_the_limits",
    ),
    # E. Regime switch and ensemble
    "ensemble": Row(
        (
            "trading.ensemble.regimes",
            "trading.ensemble.weights",
            "trading.ensemble.backtest",
            "flows.steps.release.ensemble_weights",
        ),
        "flows/steps/release/test_ensemble_weights.py::test_a_crash_pauses_entries_and_then_favours_reversals",
        "flows/test_every_strategy.py::test_every_strategy_of_its_release_was_probed_and_gated",
    ),
}


def function(test: str) -> ast.FunctionDef:
    """Return the test of ``file::name``."""
    file, name = test.split("::")
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    assert found, f"{test} is not there"
    return found[0]


@pytest.mark.parametrize("name", ROWS)
def test_backtest_and_search_are_tested_with_it(name: str) -> None:
    test = function("cli/backtesting/test_every_strategy.py::test_backtest_and_search_agree_on_it")
    (named,) = [
        ast.unparse(mark) for mark in test.decorator_list if "strategy_names()" in ast.unparse(mark)
    ]
    assert name in strategy_names() or repr(name) in named


def inputs(test: ast.FunctionDef) -> set[str]:
    """Return the names of its arguments."""
    return {argument.arg for argument in test.args.args}


def test_every_registered_strategy_has_a_row() -> None:
    assert sorted(ROWS) == sorted([*strategy_names(), "maker", "ensemble"])


@pytest.mark.parametrize("name", ROWS)
def test_it_has_a_module(name: str) -> None:
    found = [import_module(module) for module in ROWS[name].modules]
    assert all(module.__doc__ for module in found)
    if name in strategy_names():
        assert inspect.getmodule(type(get_strategy(name))) is found[0]


@pytest.mark.parametrize("name", ROWS)
def test_it_has_a_scenario_on_hand_made_candles(name: str) -> None:
    assert not inputs(function(ROWS[name].scenario)) & REAL_INPUTS


@pytest.mark.parametrize("name", ROWS)
def test_it_has_a_run_on_real_candles(name: str) -> None:
    test = function(ROWS[name].real)
    assert inputs(test) & REAL_INPUTS
    if ROWS[name].real == ON_SAMPLE:  # all names are its parameters
        assert any("strategy_names()" in ast.unparse(mark) for mark in test.decorator_list)


def test_it_has_a_line_in_the_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["nocturne", "strategies", "list"])
    with pytest.raises(SystemExit):
        main()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert sorted(lines) == sorted(ROWS)
    assert all(len(summary.split()) > 3 for summary in lines.values())


def test_it_is_explained_in_the_document() -> None:
    page = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    assert [name for name in ROWS if f"`{name}`" not in page] == []
