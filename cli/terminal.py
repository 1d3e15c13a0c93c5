"""What the terminal can show: colours on a terminal only, and not where NO_COLOR is set."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


def has_colour(stream: TextIO) -> bool:
    """Tell whether ``stream`` is a terminal that shows colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def console(stream: TextIO | None = None) -> Console:
    """Return a console on ``stream``, by default standard output; it guesses no markup."""
    from rich.console import Console

    target = stream or sys.stdout
    return Console(
        file=target,
        markup=False,
        emoji=False,
        highlight=False,
        no_color=not has_colour(target),
    )
