"""What a channel of alerts is, and what it says of a message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Answer(Enum):
    """What became of a message."""

    ACCEPTED = "accepted"
    LATER = "later"
    """Not now: out of reach, overloaded, or limited."""
    REFUSED = "refused"
    """This text never: another may pass."""
    GONE = "gone"
    """The address or the right to use it is no longer valid."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """An answer, how long the server asks to wait, and its reason without any secret."""

    answer: Answer
    wait_s: float | None = None
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the message arrived."""
        return self.answer is Answer.ACCEPTED


class Channel(Protocol):
    """Somewhere that messages go; ``name`` says where without a secret."""

    @property
    def name(self) -> str:
        """A word without spaces that stays the same for the same address."""
        ...

    def send(self, text: str) -> Receipt:
        """Send a message and wait for the answer; called in a thread, never raises."""
        ...
