"""A frozen candidate on unseen days: confirmed by evidence, demoted by decay and drawdown."""

from __future__ import annotations

import numpy as np
import pytest

from trading.research.evidence.sequential import Stakes, decay, e_process, stakes_for
from trading.research.evidence.states import HypothesisEvidence, share_of_limits
from trading.research.evidence.unseen_days import FollowedDay, Frozen, UnseenDay, follow

STAKES = Stakes((2.0, 4.0))
CALM = Frozen(STAKES, envelope=0.9)


def days(
    returns: list[float] | np.ndarray, live: float = 0.0, hypotheses: int = 1
) -> list[UnseenDay]:
    return [UnseenDay(place, float(value), live, hypotheses) for place, value in enumerate(returns)]


def ends(found: list[FollowedDay]) -> tuple[str, str]:
    return found[-1].state, found[-1].reason


def test_evidence_grows_as_the_e_process_does_and_confirms_at_m_over_alpha() -> None:
    returns = np.array([0.15, 0.12, -0.03, 0.18, 0.15, 0.21, 0.24, 0.18, 0.15])
    found = follow(CALM, days(returns), alpha=0.05)
    expected = e_process(returns, STAKES)
    assert [day.e_value for day in found] == pytest.approx(list(expected))
    first = int(np.argmax(expected >= 20.0))
    assert [day.state for day in found[:first]] == ["proven"] * first
    assert found[first].state == "confirmed"
    assert found[first].reason.startswith(f"E {expected[first]:.4g} reached 20 after {first + 1}")
    assert found[first + 1].reason == ""


def test_more_hypotheses_ask_for_more_evidence() -> None:
    returns = np.full(12, 0.15)
    assert follow(CALM, days(returns), 0.05)[-1].state == "confirmed"
    asked = follow(CALM, days(returns, hypotheses=12), 0.05)[-1]
    assert (asked.state, asked.confirm_at) == ("proven", pytest.approx(240.0))


def test_a_drawdown_beyond_its_envelope_demotes_by_one_step() -> None:
    narrow = Frozen(STAKES, envelope=0.10)
    found = follow(narrow, days([0.02, -0.06, -0.06]), 0.05)
    assert [day.state for day in found] == ["proven", "proven", "unproven"]
    assert found[-1].demoted
    assert "drawdown on unseen days of 11.6% is beyond 10.0%" in found[-1].reason


def test_a_live_drawdown_counts_as_well_as_a_followed_one() -> None:
    narrow = Frozen(STAKES, envelope=0.10)
    found = follow(narrow, days([0.001] * 5, live=-0.04), 0.05)
    assert ends(found)[0] == "unproven"
    assert "the live drawdown of 11.5%" in found[-1].reason
    assert len(found) == 3


def test_after_a_demotion_evidence_and_drawdown_begin_again() -> None:
    narrow = Frozen(STAKES, envelope=0.10)
    good = [0.15] * 10
    found = follow(narrow, days([*good, -0.12, 0.01, 0.01]), 0.05)
    assert found[9].state == "confirmed"
    assert (found[10].state, found[10].demoted) == ("proven", True)
    assert (found[11].state, found[11].days, found[11].demoted) == ("proven", 1, False)
    assert found[11].e_value == pytest.approx(1.03)
    assert found[11].drawdown == 0.0
    assert found[11].confirm_at == pytest.approx(40.0)  # the restart is one more hypothesis


def test_nothing_is_followed_after_the_last_proof_is_lost() -> None:
    narrow = Frozen(STAKES, envelope=0.05)
    assert len(follow(narrow, days([-0.06, 0.2, 0.2, 0.2]), 0.05)) == 1


def test_decay_demotes_what_was_confirmed_long_before() -> None:
    rng = np.random.default_rng(8)
    stakes = stakes_for(0.01 * rng.standard_normal(200))
    good = 0.003 + 0.01 * rng.standard_normal(300)
    bad = -0.003 + 0.01 * rng.standard_normal(600)
    found = follow(Frozen(stakes, 0.99), days(np.concatenate((good, bad))), 0.05)
    assert found[299].state == "confirmed"
    lost = next(day for day in found if day.demoted)
    assert "the edge has decayed" in lost.reason
    assert 300 < lost.day < 600
    alarm = decay(np.concatenate((good, bad))[: lost.day + 1], stakes)[-1]
    assert lost.decay == pytest.approx(alarm)


def test_noise_is_confirmed_at_most_as_often_as_alpha_allows() -> None:
    rng = np.random.default_rng(21)
    stakes = stakes_for(0.01 * rng.standard_normal(100))
    confirmed = 0
    for _ in range(200):
        found = follow(Frozen(stakes, 0.99), days(0.01 * rng.standard_normal(500)), 0.05)
        confirmed += any(day.state == "confirmed" for day in found)
    assert confirmed <= 17  # 10 expected at most; more than 17 has a chance of 1 %


def test_shares_of_the_limits_follow_the_state() -> None:
    assert share_of_limits("unproven", 1e9, 0.25) == 0.25
    assert share_of_limits("proven", 1e9, 0.25) == 1.0
    assert share_of_limits("confirmed", 0.0, 0.25) == 1.0


def test_evidence_reads_as_a_sentence() -> None:
    known = HypothesisEvidence("breakout-1", "proven", "", "2025-06-01", 3.21, 180.0, 41)
    assert known.sentence == "proven, E 3.21 of 180 after 41 days"
    refused = HypothesisEvidence("breakout-1", "unproven", "p is 0.2 at the look of 2025-06-01")
    assert refused.sentence == "unproven: p is 0.2 at the look of 2025-06-01"
