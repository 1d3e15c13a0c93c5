"""Evidence scales money in live, and nowhere else."""

from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from executor.operations.live_notice import announce_unproven
from executor.risk.evidence_size import size_by_evidence
from executor.risk.pre_trade import check_entry
from executor.settings import LiveSettings, VenueSettings
from executor.strategy.runner import plans_for
from flows.steps.evidence.verdict import weigh
from lake.releases import Candidate, publish, read_current
from lake.store import Lake
from tests.executor.fakes import BTCUSDT, ETHUSDT, FakeVenue, executor_on
from tests.executor.test_decisions import ACCOUNT, BTC, LIMITS, REQUEST
from tests.executor.test_start import LIVE
from tests.flows.steps.evidence.hypothesis_lake import AS_OF as NIGHT
from tests.flows.steps.evidence.hypothesis_lake import SETTINGS as NIGHTLY
from tests.flows.steps.evidence.hypothesis_lake import searched
from tests.lake.builders import AS_OF, RUN, WALL, candidate, entry
from trading.errors import SettingsError
from trading.research.evidence.states import HypothesisEvidence, State


def evidence(state: State, e_value: float = 1.0) -> HypothesisEvidence:
    return HypothesisEvidence("breakout-1a2b3c4d", state, "a reason", "2025-06-01", e_value, 40, 41)


@pytest.mark.parametrize(
    ("state", "e_value", "share"),
    [
        ("unproven", 50.0, 0.25),
        ("proven", 0.4, 0.25),
        ("proven", 1.0, 0.25),
        ("proven", 4.4721, 0.625),  # the root of 20: half of the way
        ("proven", 20.0, 1.0),
        ("confirmed", 0.1, 1.0),
    ],
)
def test_a_size_grows_with_the_evidence_from_probation_to_all_of_the_limits(
    state: State, e_value: float, share: float
) -> None:
    known = entry(proven=state != "unproven").model_copy(
        update={"evidence": evidence(state, e_value)}
    )
    assert size_by_evidence(known, 0.25).share == pytest.approx(share, abs=1e-4)
    assert size_by_evidence(known, None).share == 1.0


VENUES = {"binance_usdm": VenueSettings()}


def test_an_entry_takes_its_share_of_every_limit_of_size() -> None:
    full = check_entry(REQUEST, ACCOUNT, LIMITS, BTC).quantity
    assert full == Decimal("0.020")
    quarter = replace(REQUEST, size_share=0.25)
    assert check_entry(quarter, ACCOUNT, LIMITS, BTC).quantity == Decimal("0.005")
    tiny = LIMITS.model_copy(update={"max_order_notional": Decimal(800)})
    assert check_entry(quarter, ACCOUNT, tiny, BTC).quantity == Decimal("0.004")
    at_stop = replace(quarter, risk=0.001)
    assert check_entry(at_stop, ACCOUNT, LIMITS, BTC).quantity == Decimal("0.002")


def test_live_takes_the_unproven_strategies_that_the_settings_name(tmp_path: Path) -> None:
    both = Candidate(AS_OF, (), RUN, strategies=(entry(proven=True), entry(symbol="ETHUSDT")))
    publish(tmp_path, both, WALL)
    refused = read_current(tmp_path, AS_OF, "live")
    assert [e.symbol for e in refused.strategies] == ["BTCUSDT"]
    allowed = read_current(tmp_path, AS_OF, "live", ("breakout",))
    assert [e.symbol for e in allowed.strategies] == ["BTCUSDT", "ETHUSDT"]
    assert allowed.left_out == ()
    sizes = [plan.size for plan in plans_for(allowed, VENUES, (), 0.25)]
    assert [(size.share, size.evidence) for size in sizes] == [
        (0.25, "proven"),
        (0.25, "unproven"),
    ]
    assert [plan.size.share for plan in plans_for(allowed, VENUES, ())] == [1.0, 1.0]


def test_what_a_night_found_decides_what_live_may_trade_and_how_much(tmp_path: Path) -> None:
    """From the look of a night over its release to the sizes: an edge, and noise beside it."""
    lake = Lake(tmp_path)
    entries = [searched(lake, edge=0.6), searched(lake, symbol="ETHUSDT", edge=-0.3)]
    found = weigh(lake, as_of=NIGHT, entries=entries, settings=NIGHTLY)
    strategies = tuple(item.entry for item in found)
    publish(tmp_path / "published", Candidate(NIGHT, (), RUN, strategies=strategies), NIGHT)

    def sizes(mode: str, *allowed: str) -> dict[str, tuple[float, str]]:
        release = read_current(tmp_path / "published", NIGHT, mode, allowed)
        plans = plans_for(release, VENUES, (), 0.25 if mode == "live" else None)
        return {plan.symbol: (plan.size.share, plan.size.evidence[:8]) for plan in plans}

    assert sizes("live") == {BTCUSDT: (0.25, "proven, ")}
    allowed = {BTCUSDT: (0.25, "proven, "), ETHUSDT: (0.25, "unproven")}
    assert sizes("live", "breakout") == allowed
    assert sizes("paper") == {BTCUSDT: (1.0, "proven, "), ETHUSDT: (1.0, "unproven")}


def test_a_refused_release_says_how_to_allow_it(tmp_path: Path) -> None:
    publish(tmp_path, candidate(), WALL)
    with pytest.raises(Exception, match=r"name its strategies in \[live\] allow_unproven"):
        read_current(tmp_path, AS_OF, "live", ("rsi_bollinger",))


async def test_unproven_strategies_are_named_at_every_start_in_live(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    allowed = {"live": {"allow_unproven": ["breakout"]}}
    async with executor_on(tmp_path, FakeVenue(), **LIVE, **allowed) as executor:
        for _ in range(2):
            announce_unproven(executor.services)
    said = [r.getMessage() for r in caplog.records if "unproven" in r.getMessage()]
    warned = "unproven strategies may trade real money: breakout, at 25% of the limits"
    assert said.count(warned) == 2


async def test_other_modes_need_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    allowed = {"live": {"allow_unproven": ["breakout"]}}
    async with executor_on(tmp_path, FakeVenue(), **allowed) as executor:
        announce_unproven(executor.services)
    assert not any("unproven" in record.getMessage() for record in caplog.records)


async def test_a_name_that_is_no_strategy_ends_the_start(tmp_path: Path) -> None:
    wrong = {"live": {"allow_unproven": ["brekout"]}}
    async with executor_on(tmp_path, FakeVenue(), **wrong) as executor:
        with pytest.raises(SettingsError, match=r"live.allow_unproven.*brekout"):
            announce_unproven(executor.services)


def test_the_settings_refuse_a_probation_of_nothing_or_more_than_all() -> None:
    for value in (0.0, 1.5):
        with pytest.raises(ValueError, match="probation"):
            LiveSettings(probation=value)
