"""What is known of a hypothesis: unproven, proven, confirmed; and the share of limits it earns.

A strategy that passes its gates at a look is *proven* and frozen. Days that it never saw move it:
evidence of an edge *confirms* it, evidence of decay or a drawdown that chance does not explain
demotes it by one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trading.research.evidence.sequential import size_share

State = Literal["unproven", "proven", "confirmed"]
ONE_STEP_DOWN: dict[State, State] = {
    "confirmed": "proven",
    "proven": "unproven",
    "unproven": "unproven",
}


@dataclass(frozen=True, slots=True)
class HypothesisEvidence:
    """What a release says of the hypothesis behind a strategy.

    ``e_value`` is the evidence of ``days`` unseen days, which confirms at ``confirm_at``.
    ``opened`` is the UTC date of the first look. ``drawdown`` is the worst of the followed and the
    live one, ``envelope`` what 99 of 100 resampled paths stay within; both positive fractions, None
    before anything is followed. ``demoted`` says that ``reason`` took the last state away.
    """

    hypothesis: str
    state: State
    reason: str
    opened: str = ""
    e_value: float = 1.0
    confirm_at: float = 0.0
    days: int = 0
    drawdown: float | None = None
    envelope: float | None = None
    demoted: bool = False

    @property
    def sentence(self) -> str:
        """State and evidence for a person: ``proven, E 3.2 of 180 after 41 days``."""
        if self.state == "unproven":
            return f"unproven: {self.reason}"
        return f"{self.state}, E {self.e_value:.3g} of {self.confirm_at:.3g} after {self.days} days"


def share_of_limits(state: State, e_value: float, probation: float) -> float:
    """Share of its limits that a state may use in live: ``probation``, more with E, or all."""
    if state == "confirmed":
        return 1.0
    return size_share(e_value if state == "proven" else 1.0, probation)
