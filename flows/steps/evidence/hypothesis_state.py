"""What is known of a hypothesis at the end of a night: its looks, and its unseen days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.settings import ResearchSettings
from flows.steps.evidence.hypotheses import (
    Hypothesis,
    Look,
    hypotheses_opened,
    last_look,
    next_look,
)
from flows.steps.evidence.unseen_days import follow_frozen
from lake.store import Lake
from trading.research.evidence.states import HypothesisEvidence, State
from trading.research.evidence.unseen_days import FollowedDay


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one hypothesis at the end of a night.

    ``look`` is its newest look, ``frozen`` the one whose candidate is followed, ``followed`` the
    unseen days since then.
    """

    hypothesis: Hypothesis
    look: Look | None
    frozen: Look | None
    followed: tuple[FollowedDay, ...]
    opened: str
    hypotheses: int
    alpha: float

    @property
    def state(self) -> State:
        """Proven from the look on, then what the unseen days made of it."""
        if self.frozen is None:
            return "unproven"
        return self.followed[-1].state if self.followed else "proven"

    @property
    def demoted(self) -> bool:
        """Whether the last change of state was a demotion."""
        changes = [day for day in self.followed if day.reason]
        return bool(changes) and changes[-1].demoted

    def evidence(self) -> HypothesisEvidence:
        """Return what the release says of it."""
        last = self.followed[-1] if self.followed else None
        unset = self.hypotheses / self.alpha
        return HypothesisEvidence(
            hypothesis=self.hypothesis.id,
            state=self.state,
            reason=self._reason(),
            opened=self.opened,
            e_value=1.0 if last is None else last.e_value,
            confirm_at=unset if last is None else last.confirm_at,
            days=0 if last is None else last.days,
            drawdown=None if last is None else last.drawdown,
            envelope=None if self.frozen is None else self.frozen.envelope,
            demoted=self.demoted,
        )

    def _reason(self) -> str:
        look = self.look
        changes = [day.reason for day in self.followed if day.reason]
        if changes and look == self.frozen:
            return changes[-1]
        if look is None:
            return "no look was taken yet"
        again = "" if look.passed else f"; looked at again from {next_look(look):%Y-%m-%d}"
        return f"look of {look.as_of:%Y-%m-%d}: {look.reason}{again}"


def standing_of(
    lake: Lake,
    hypothesis: Hypothesis,
    looks: Sequence[Look],
    as_of: datetime,
    settings: ResearchSettings,
) -> Standing:
    """Follow the newest look that passed up to ``as_of``, and return what is known."""
    own = [look for look in looks if look.hypothesis == hypothesis.id and look.as_of <= as_of]
    frozen = next((look for look in reversed(own) if look.passed), None)
    followed: Sequence[FollowedDay] = ()
    if frozen is not None:
        followed = follow_frozen(lake, frozen, looks, as_of=as_of, settings=settings)
    return Standing(
        hypothesis=hypothesis,
        look=last_look(looks, hypothesis.id, as_of),
        frozen=frozen,
        followed=tuple(followed),
        opened=f"{own[0].as_of:%Y-%m-%d}" if own else "",
        hypotheses=max(len(settings.hypotheses), hypotheses_opened(looks, as_of)),
        alpha=settings.alpha,
    )
