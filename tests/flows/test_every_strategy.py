"""A nightly over every strategy on two symbols.

Each one is searched (`ml` is fitted), probed, gated, released and reported.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.engine.request import FlowArguments
from flows.hosting.launch import launch
from flows.pipeline import FlowResult
from flows.report.sections.strategies import slug
from flows.settings import PROJECT, ResearchSettings
from lake.releases import Ensemble, Release, read_current, read_ensemble
from lake.store import Lake
from lake.tables import FOLDS, SEARCHES
from trading.strategies.registry import get_strategy, strategy_names

AS_OF = datetime(2025, 6, 22, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT")
PAIRS = [(name, symbol) for name in strategy_names() for symbol in SYMBOLS]
GATES = {
    "out_of_sample_trades",
    "total_return",
    "max_drawdown",
    "superior_ability",
    "loss_probability",
    "plateau",
    "doubled_costs",
    "profitable_folds",
    "without_best_trade",
    "one_step_away",
}
PROBES = {"lookahead", "warmup"}
AXES = {"surge": ("half_close", "0.06,0.10")}


def axis_of(name: str) -> tuple[str, str]:
    """Return one parameter with two values: enough to search."""
    if name in AXES:
        return AXES[name]
    has_stop = get_strategy(name).has("stop_loss")
    return ("stop_loss", "0.01,0.03") if has_stop else ("min_reward", "0,1")


def settings_text(work: Path) -> str:
    """Write small grids for all; without filters the technical strategies trade in these weeks."""
    lines = [
        f"work = {json.dumps(str(work))}",
        f"symbols = {json.dumps(SYMBOLS)}",
        "models = false",
    ]
    lines += [f"strategies = {json.dumps(strategy_names())}", "workers = 2"]
    for name in strategy_names():
        axis, values = axis_of(name)
        for grid in ("long", "recent"):
            lines += [f"[grids.{name}.{grid}]", f'{axis} = "{values}"']
        if get_strategy(name).has("signal_tf") and name != "surge":
            lines += [f"[grids.{name}.fixed]", 'filters = "off"', 'signal_tf = "15m"']
        if name == "ml":
            lines += ["least_move = 0.0001"]
    return "\n".join(lines) + "\n"


def test_there_is_a_grid_for_every_strategy() -> None:
    assert sorted(ResearchSettings().grids) == strategy_names()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FlowResult]:
    folder = tmp_path_factory.mktemp("every")
    settings = folder / "research.toml"
    settings.write_text(settings_text(folder / "work"))
    result = launch(
        "nightly",
        FlowArguments(AS_OF, folder / "lake", PROJECT / "data_lake" / "sample"),
        settings=settings,
        server="none",
        say=lambda _line: None,
    )
    return folder / "lake", result


def released(root: Path) -> tuple[Release, Ensemble]:
    release = read_current(root / "published", AS_OF)
    ensemble = read_ensemble(release)
    assert ensemble is not None
    return release, ensemble


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_nightly_searches_every_enabled_strategy(night: tuple[Path, FlowResult]) -> None:
    root, result = night
    assert result.left_out == ()
    for table in (SEARCHES, FOLDS):
        rows = Lake(root).read(table, ["strategy", "symbol"]).to_pydict()
        assert sorted(set(zip(rows["strategy"], rows["symbol"], strict=True))) == PAIRS
    entries = released(root)[0].strategies
    quiet = {e.strategy for e in entries if not e.out_of_sample["trades"]}
    # Neither symbol surges in these weeks, and the rarest ICT strategy finds no entry.
    assert quiet == {"ict_conservative", "surge"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_strategy_of_its_release_was_probed_and_gated(
    night: tuple[Path, FlowResult],
) -> None:
    release, ensemble = released(night[0])
    assert sorted((entry.strategy, entry.symbol) for entry in release.strategies) == PAIRS
    for entry in release.strategies:
        verdicts = {verdict.name: verdict for verdict in entry.verdicts}
        assert set(verdicts) >= GATES | PROBES, entry.strategy
        for name in PROBES:
            assert verdicts[name].passed, (entry.strategy, verdicts[name])
        assert entry.proven == all(verdict.passed for verdict in entry.verdicts)
    assert sorted(ensemble.members) == [f"{name}/{symbol}" for name, symbol in PAIRS]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_model_is_fitted_for_each_symbol(night: tuple[Path, FlowResult]) -> None:
    entries = [e for e in released(night[0])[0].strategies if e.strategy == "ml"]
    weights = [{k: v for k, v in e.params.items() if k.startswith("weight_")} for e in entries]
    assert len(weights) == len(SYMBOLS)
    assert all(any(found.values()) for found in weights)
    assert weights[0] != weights[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_strategy_is_in_the_report(night: tuple[Path, FlowResult]) -> None:
    root, result = night
    page = Path(result.results["report"]).read_text()
    overview = page.split("Out-of-sample results, after costs</caption>")[1].split("</table>")[0]
    for name, symbol in PAIRS:
        assert f">{name}</td>" in overview
        key = f"{slug(name)}-{slug(symbol)}"
        card = page.split(f'<details class="card" id="{key}">')[1]
        assert "Past values that changed" in card.split('<details class="card"')[0]
    compared = page.split("ICT strategies side by side")[1].split("</table>")[0]
    assert all(f">{name}</td>" in compared for name in ("ict_conservative", "ict_mixed"))
    assert root.is_dir()
