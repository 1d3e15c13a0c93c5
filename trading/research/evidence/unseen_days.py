"""A frozen candidate on days that it never saw: its evidence, its drawdown, and its state.

`follow` folds the days one by one. Evidence of an edge confirms the candidate; evidence of decay,
a drawdown beyond the envelope of its resampled past, or a day on which live trading differed from
its replay, takes one state away and starts evidence and drawdown again: what was believed before
the demotion must not restore it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading.research.evidence.sequential import (
    DECAY_ALARM,
    FloatArray,
    Stakes,
    bet,
    bet_against,
)
from trading.research.evidence.states import ONE_STEP_DOWN, State


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is fixed before the first followed day: the bets, and the drawdown that chance explains.

    ``envelope`` is a positive fraction, the drawdown that 99 of 100 resampled paths stay within.
    """

    stakes: Stakes
    envelope: float


@dataclass(frozen=True, slots=True)
class UnseenDay:
    """One UTC day after the freezing.

    ``day`` is its start in ms, ``net_return`` the frozen candidate's net return (a fraction),
    ``live_return`` that of the positions which the executor closed on this day, on the same scale.
    ``hypotheses`` is the number of hypotheses ever opened, as known on that day. ``difference``
    says in what the executor differed from the replay of this day (`parity`); empty if in nothing.
    """

    day: int
    net_return: float
    live_return: float
    hypotheses: int
    difference: str = ""


@dataclass(frozen=True, slots=True)
class FollowedDay:
    """What is known after an unseen day; drawdowns are positive fractions since the last start.

    ``days`` counts from the last start. ``reason`` says what changed the state; it is empty on a
    day that did not.
    """

    day: int
    state: State
    e_value: float
    confirm_at: float
    decay: float
    drawdown: float
    days: int
    reason: str = ""
    demoted: bool = False


class _Run:
    """Evidence and drawdowns since the freezing or the last demotion."""

    def __init__(self, stakes: Stakes) -> None:
        self._stakes: FloatArray = np.array(stakes.values)
        self._wealth: FloatArray = np.ones(len(self._stakes))
        self._against: FloatArray = np.zeros(len(self._stakes))
        self._equity, self._peak = np.ones(2), np.ones(2)
        self.days = 0

    def add(self, day: UnseenDay) -> None:
        self._wealth = bet(self._wealth, day.net_return, self._stakes)
        self._against = bet_against(self._against, day.net_return, self._stakes)
        self._equity *= 1.0 + np.array([day.net_return, day.live_return])
        self._peak = np.maximum(self._peak, self._equity)
        self.days += 1

    @property
    def e_value(self) -> float:
        return float(self._wealth.mean())

    @property
    def decay(self) -> float:
        return float(self._against.mean())

    @property
    def drawdowns(self) -> tuple[float, float]:
        """Of the frozen candidate, and live."""
        followed, live = 1.0 - self._equity / self._peak
        return float(followed), float(live)


def follow(frozen: Frozen, days: Sequence[UnseenDay], alpha: float) -> list[FollowedDay]:
    """Fold the unseen days of a candidate that was proven before the first of them.

    It is confirmed once the evidence reaches ``hypotheses / alpha``: the chance that any hypothesis
    without an edge is ever confirmed is at most ``alpha``, looked at daily. Every restart after a
    demotion counts as one more hypothesis. Nothing follows the end of a proof: an unproven
    hypothesis needs a new look.
    """
    state: State = "proven"
    run, restarts = _Run(frozen.stakes), 0
    found = []
    for day in days:
        run.add(day)
        confirm_at = (day.hypotheses + restarts) / alpha
        drawdown = max(run.drawdowns)
        reason = _differed(day) or _decayed(run, frozen)
        demoted = bool(reason)
        if demoted:
            state = ONE_STEP_DOWN[state]
        elif state == "proven" and run.e_value >= confirm_at:
            state = "confirmed"
            reason = f"E {run.e_value:.4g} reached {confirm_at:.4g} after {run.days} unseen days"
        found.append(
            FollowedDay(
                day=day.day,
                state=state,
                e_value=run.e_value,
                confirm_at=confirm_at,
                decay=run.decay,
                drawdown=drawdown,
                days=run.days,
                reason=reason,
                demoted=demoted,
            )
        )
        if state == "unproven":
            break
        if demoted:
            run, restarts = _Run(frozen.stakes), restarts + 1
    return found


def _differed(day: UnseenDay) -> str:
    """Why a day demotes whatever it earned: what was tested is not what was traded."""
    return f"live trading differs from its replay: {day.difference}" if day.difference else ""


def _decayed(run: _Run, frozen: Frozen) -> str:
    """Why a state is lost, or nothing."""
    followed, live = run.drawdowns
    for drawdown, whose in ((live, "live drawdown"), (followed, "drawdown on unseen days")):
        if drawdown > frozen.envelope:
            return (
                f"the {whose} of {drawdown:.1%} is beyond {frozen.envelope:.1%}, which 99 of 100"
                " resampled paths stay within"
            )
    if run.decay >= DECAY_ALARM:
        return f"the edge has decayed: evidence {run.decay:.4g} against it, alarm {DECAY_ALARM:g}"
    return ""
