"""Looks: one hypothesis a strategy, a budget that lasts, and nothing spent twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.settings import StrategyGrids
from flows.steps.evidence.hypotheses import (
    Look,
    hypothesis_of,
    read_looks,
    record_look,
    spending,
    wants_returns,
)
from flows.steps.evidence.verdict import weigh
from flows.steps.release.retune_k import allowed_k
from lake.partitions import PartitionRef
from lake.store import Lake
from lake.tables import LOOKS, Table
from tests.flows.sample import lake_state
from tests.flows.steps.evidence.hypothesis_lake import AS_OF, SETTINGS, later, searched
from trading.research.gates import GateVerdict

EDGE = 0.6


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def verdict(found: tuple[GateVerdict, ...], name: str) -> GateVerdict:
    return next(verdict for verdict in found if verdict.name == name)


def test_an_edge_is_proven_on_the_symbols_that_have_it_and_freezes_what_it_found(
    lake: Lake,
) -> None:
    entries = [searched(lake, edge=EDGE), searched(lake, symbol="ETHUSDT", edge=-0.3)]
    found = weigh(lake, as_of=AS_OF, entries=entries, settings=SETTINGS)
    states = {item.entry.symbol: item.entry.state for item in found}
    assert states == {"BTCUSDT": "proven", "ETHUSDT": "unproven"}
    (look,) = read_looks(lake)
    assert look.passed
    assert look.symbols == ("BTCUSDT", "ETHUSDT")
    assert (look.look, look.trials, look.days) == (1, 27, 120)
    assert look.p_value is not None
    assert look.p_value <= look.alpha == pytest.approx(0.05 * 0.8 / 2)
    assert list(look.findings["members"]) == ["BTCUSDT"]
    bounds = look.findings["members"]["BTCUSDT"]["bounds"]
    assert bounds == {"k": [0.4, 0.6]}
    evidence = found[0].entry.evidence
    assert evidence is not None
    assert evidence.hypothesis == hypothesis_of("breakout", SETTINGS).id
    assert (evidence.e_value, evidence.days, evidence.confirm_at) == (1.0, 0, 20.0)


def test_noise_is_refused_with_figure_and_threshold(lake: Lake) -> None:
    (found,) = weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=SETTINGS)
    assert not found.entry.proven
    refused = verdict(found.entry.verdicts, "superior_ability")
    assert not refused.passed
    assert refused.threshold == pytest.approx(0.02)
    assert "at the look of 2025-06-20: p-value" in refused.text
    assert found.entry.evidence is not None
    assert "looked at again from 2025-07-20" in found.entry.evidence.reason


def test_what_would_pass_the_whole_alpha_is_refused_beyond_its_share(lake: Lake) -> None:
    entries = [searched(lake, edge=0.2, seed=6)]
    weigh(lake, as_of=AS_OF, entries=entries, settings=SETTINGS)
    (look,) = read_looks(lake)
    assert look.p_value is not None
    assert look.loss_probability is not None
    assert look.alpha < look.p_value < SETTINGS.alpha
    assert look.loss_probability < 0.05
    assert not look.passed
    assert "above the limit of 0.02" in look.reason


def test_an_edge_that_all_symbols_share_counts_their_trades_together(lake: Lake) -> None:
    entries = [
        searched(lake, symbol=symbol, edge=EDGE, trades=16) for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    found = weigh(lake, as_of=AS_OF, entries=entries, settings=SETTINGS)
    assert [item.entry.state for item in found] == ["proven", "proven"]
    trades = verdict(found[0].entry.verdicts, "out_of_sample_trades")
    assert (trades.value, trades.passed) == (32, True)


def test_a_symbol_that_fails_a_gate_of_its_own_is_not_chosen(lake: Lake) -> None:
    entries = [
        searched(lake, edge=EDGE, fails="plateau"),
        searched(lake, symbol="ETHUSDT", edge=EDGE),
    ]
    found = weigh(lake, as_of=AS_OF, entries=entries, settings=SETTINGS)
    assert [item.entry.state for item in found] == ["unproven", "proven"]
    reason = found[0].entry.evidence
    assert reason is not None
    assert "BTCUSDT is not among the symbols" in reason.reason


def test_the_same_night_again_spends_nothing_and_changes_nothing(lake: Lake) -> None:
    entries = [searched(lake)]
    first = weigh(lake, as_of=AS_OF, entries=entries, settings=SETTINGS)
    state = lake_state(lake.root)
    # Other data for the same night would be another look.
    again = weigh(lake, as_of=AS_OF, entries=[searched(lake, edge=EDGE)], settings=SETTINGS)
    assert again == first
    searched(lake)
    assert lake_state(lake.root) == state
    assert len(read_looks(lake)) == 1


def test_a_hypothesis_is_looked_at_again_only_after_thirty_new_days(lake: Lake) -> None:
    for days in (0, 1, 29.9, 30, 45, 60):
        weigh(lake, as_of=later(days), entries=[searched(lake, later(days))], settings=SETTINGS)
    looks = read_looks(lake)
    assert [look.as_of for look in looks] == [AS_OF, later(30), later(60)]
    assert [look.look for look in looks] == [1, 2, 3]
    share = 0.05 * 0.8
    assert [look.alpha for look in looks] == pytest.approx([share / 2, share / 6, share / 12])


def test_another_grid_is_another_hypothesis_that_spends_from_the_same_share(lake: Lake) -> None:
    weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=SETTINGS)
    grid = {"k": "0.4,0.5", "stop_loss": "0.01"}
    other = SETTINGS.model_copy(
        update={"grids": {"breakout": StrategyGrids(long=grid, recent=grid)}}
    )
    weigh(lake, as_of=later(1), entries=[searched(lake, later(1))], settings=other)
    first, second = read_looks(lake)
    assert first.hypothesis != second.hypothesis
    assert (second.look, second.share) == (2, first.share)
    assert second.alpha == pytest.approx(first.share / 6)


def test_a_night_of_the_past_reads_what_was_known_then_and_opens_nothing(lake: Lake) -> None:
    weigh(lake, as_of=later(40), entries=[searched(lake, later(40))], settings=SETTINGS)
    (found,) = weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=SETTINGS)
    assert len(read_looks(lake)) == 1
    assert found.entry.evidence is not None
    assert found.entry.evidence.reason == "no look was taken yet"
    assert not verdict(found.entry.verdicts, "superior_ability").passed


def test_a_search_without_stored_returns_spends_nothing(lake: Lake) -> None:
    entry = searched(lake)
    (found,) = weigh(Lake(lake.root / "other"), as_of=AS_OF, entries=[entry], settings=SETTINGS)
    assert not found.entry.proven
    assert read_looks(Lake(lake.root / "other")) == ()


def test_returns_are_stored_on_the_night_of_a_look_and_when_it_is_repeated(lake: Lake) -> None:
    hypothesis = hypothesis_of("breakout", SETTINGS).id
    assert wants_returns((), hypothesis, AS_OF)
    weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=SETTINGS)
    looks = read_looks(lake)
    assert wants_returns(looks, hypothesis, AS_OF)
    assert not wants_returns(looks, hypothesis, later(1))
    assert wants_returns(looks, hypothesis, later(30))


def test_strategies_that_come_later_get_a_part_of_what_is_left(lake: Lake) -> None:
    weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=SETTINGS)
    looks = read_looks(lake)
    configured = ("breakout", "pullback")
    number, share, alpha = spending(looks, "pullback", configured, 0.05)
    assert (number, alpha) == (1, share / 2)
    assert share == pytest.approx(0.2 * 0.05 * 0.8)
    assert sum(look.share for look in looks) + share < 0.05


def test_a_look_of_the_same_night_is_never_replaced(lake: Lake) -> None:
    weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=SETTINGS)
    (look,) = read_looks(lake)
    forged = Look(**{name: getattr(look, name) for name in look.__slots__} | {"passed": True})
    record_look(lake, forged)
    assert read_looks(lake) == (look,)


def test_tonights_parameters_move_inside_the_frozen_plateau_only(lake: Lake) -> None:
    weigh(lake, as_of=AS_OF, entries=[searched(lake, edge=EDGE)], settings=SETTINGS)
    near, far = later(0.5), later(0.75)
    (inside,) = weigh(lake, as_of=near, entries=[searched(lake, near, k=0.55)], settings=SETTINGS)
    (outside,) = weigh(
        lake, as_of=far, entries=[searched(lake, far, k=0.7, plateau=(0.6, 0.8))], settings=SETTINGS
    )
    assert inside.entry.params["k"] == 0.55
    assert outside.entry.params["k"] == 0.5
    assert inside.entry.state == outside.entry.state == "proven"
    # What re-tunes K between two nightlies reads these bounds.
    assert allowed_k(outside.entry) == (0.4, 0.45, 0.5, 0.55, 0.6)
    assert len(read_looks(lake)) == 1


def test_a_probe_that_fails_tonight_refuses_what_is_frozen(lake: Lake) -> None:
    weigh(lake, as_of=AS_OF, entries=[searched(lake, edge=EDGE)], settings=SETTINGS)
    night = AS_OF + timedelta(hours=4)
    (found,) = weigh(
        lake, as_of=night, entries=[searched(lake, night, fails="lookahead")], settings=SETTINGS
    )
    assert (found.entry.proven, found.entry.state) == (False, "unproven")


def test_a_night_that_dies_at_its_write_ends_as_if_it_had_not(
    lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    class Killed(Lake):
        def write(self, table: Table, *arguments: Any, **partition: Any) -> PartitionRef:
            if table is LOOKS:
                raise KeyboardInterrupt
            return super().write(table, *arguments, **partition)

    entries = [searched(lake, edge=EDGE)]
    whole = Lake(tmp_path_factory.mktemp("whole"))
    searched(whole, edge=EDGE)
    expected = weigh(whole, as_of=AS_OF, entries=entries, settings=SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        weigh(Killed(lake.root), as_of=AS_OF, entries=entries, settings=SETTINGS)
    assert read_looks(lake) == ()
    assert weigh(lake, as_of=AS_OF, entries=entries, settings=SETTINGS) == expected
    assert lake_state(lake.root) == lake_state(whole.root)


def test_a_strategy_has_to_earn_more_than_cash(lake: Lake, tmp_path: Path) -> None:
    entries = [searched(lake, edge=EDGE)]
    weigh(lake, as_of=AS_OF, entries=entries, settings=SETTINGS)
    other = Lake(tmp_path / "other")
    searched(other, edge=EDGE)
    dear = SETTINGS.model_copy(update={"cash_rate": 1.0})
    weigh(other, as_of=AS_OF, entries=entries, settings=dear)
    (free,), (costly,) = read_looks(lake), read_looks(other)
    assert free.statistic is not None
    assert costly.statistic is not None
    # 1/365 a day of a deviation of 0.9 %, over 120 days
    assert free.statistic - costly.statistic == pytest.approx(3.3, abs=0.6)


def test_the_looks_of_a_night_do_not_raise_what_confirms_in_it(lake: Lake) -> None:
    aims = []
    for _ in range(2):
        (found,) = weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=SETTINGS)
        assert found.entry.evidence is not None
        aims.append(found.entry.evidence.confirm_at)
        for model in ("volatility", "direction", "third", "fourth"):
            (look,) = (one for one in read_looks(lake) if one.name == "breakout")
            record_look(lake, replace(look, hypothesis=f"{model}-1", name=model))
    assert aims == [len(SETTINGS.hypotheses) / SETTINGS.alpha] * 2
