"""Which backend a run uses, and what happens beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.compilation.choice import plain_search_seconds, start_ordered, uses_compiled
from cli.compilation.worker import CompileOrder
from tests.waiting import until
from trading.candles import MINUTE_MS, CandleColumns
from trading.errors import SettingsError
from trading.jit.compiler import current_folder, enable
from trading.research.search_task import SearchTask
from trading.simulation import Costs
from trading.simulation.readiness import KernelNeeds
from trading.strategies.registry import get_strategy

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"
BREAKOUT = get_strategy("breakout")
BACKTEST = ["backtest", "--strategy", "breakout", "--candles", str(SAMPLE), "--json", "-"]


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Compile into an empty folder during the test, and start no process."""
    before = current_folder()
    monkeypatch.setenv("NOCTURNE_CACHE", str(tmp_path))
    monkeypatch.setenv("NOCTURNE_COMPILE", "auto")
    yield tmp_path
    enable(before)


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[CompileOrder]:
    """Record the orders that would start a process behind the run."""
    orders: list[CompileOrder] = []
    monkeypatch.setattr(CompileOrder, "start_behind", lambda order: orders.append(order))
    return orders


def test_a_short_first_run_is_plain_and_orders_both_parts(
    empty_cache: Path, ordered: list[CompileOrder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not uses_compiled(BREAKOUT, {"k": 0.4}, MINUTE_MS, "backtest", lambda: 0.6)
    assert ordered == [], "the compiler must not compete with the run"
    start_ordered()
    assert [(order.what, order.part) for order in ordered] == [
        ("backtest", "signals"),
        ("backtest", "engine"),
    ]
    assert {order.cache for order in ordered} == {str(empty_cache)}
    assert "compiling in the background" in capsys.readouterr().err


def test_a_run_whose_kernels_are_marked_as_kept_is_compiled(
    empty_cache: Path, ordered: list[CompileOrder]
) -> None:
    enable(empty_cache)
    needs = KernelNeeds.of(BREAKOUT, {}, MINUTE_MS, "backtest")
    assert needs.missing == ("signals", "engine")
    needs.compile("engine")
    assert needs.missing == ("signals",)
    other = KernelNeeds.of(get_strategy("pullback"), {}, MINUTE_MS, "backtest")
    assert other.missing == ("signals", "engine"), "pullback holds over the day's end"
    assert KernelNeeds.of(BREAKOUT, {"k": 0.9}, MINUTE_MS, "backtest").missing == ("signals",)
    assert ordered == []


def test_never_runs_plain_and_orders_nothing(
    ordered: list[CompileOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOCTURNE_COMPILE", "never")
    assert not uses_compiled(BREAKOUT, {}, MINUTE_MS, "search", lambda: 1e9)
    start_ordered()
    assert ordered == []


def test_an_unknown_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOCTURNE_COMPILE", "maybe")
    with pytest.raises(SettingsError, match="NOCTURNE_COMPILE = 'maybe' is not known"):
        uses_compiled(BREAKOUT, {}, MINUTE_MS, "backtest", lambda: 0.0)


def test_the_estimate_grows_with_the_sets_of_signals() -> None:
    flat = [100.0] * 3_000
    candles = CandleColumns.of(list(range(0, 3_000 * MINUTE_MS, MINUTE_MS)), flat, flat, flat, flat)
    task = SearchTask(BREAKOUT, candles, {"signal_tf": "1m"}, Costs())
    one = plain_search_seconds(task, groups=1, some=[{"k": 0.5}])
    assert 0.0 < one < plain_search_seconds(task, groups=1_000, some=[{"k": 0.5}])


def results(choice: str, cache: Path | None = None) -> tuple[list[object], str]:
    """Return the results of the back-test by the command, and what it said."""
    environment = {**os.environ, "NOCTURNE_COMPILE": choice}
    if cache is not None:
        environment["NOCTURNE_CACHE"] = str(cache)
    done = subprocess.run(
        [sys.executable, "-m", "cli", *BACKTEST],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)["results"], done.stderr


def test_plain_and_compiled_commands_print_the_same_bits() -> None:
    plain, said = results("never")
    assert plain == results("now")[0]
    assert said == ""


@pytest.mark.slow
def test_the_second_run_finds_what_was_compiled_behind_the_first(tmp_path: Path) -> None:
    first, said = results("auto", tmp_path)
    assert "compiling in the background" in said
    until("two compiled parts", lambda: len(list(tmp_path.rglob("*.compiled"))) >= 2, 110.0)
    second, said = results("auto", tmp_path)
    assert second == first
    assert said == ""
