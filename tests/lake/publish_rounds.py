"""One of several publishers side by side; run by the crash tests.

Usage: publish_rounds.py ROOT KIND ROUNDS. Each round publishes new content of the one kind.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from lake.releases import Candidate, NewFile, publish
from tests.lake.builders import AS_OF, RUN, WALL, candidate, entry


def made(kind: str, number: int) -> Candidate:
    """Return the candidate of a round: parameters, or a file that says its kind and round."""
    as_of = AS_OF + timedelta(minutes=number)
    if kind == "params":
        return candidate(entry(0.3 + number / 1000), as_of=as_of)
    file = NewFile(f"{kind}.bin", kind, f"{kind} {number}".encode() * 500)
    return Candidate(as_of, (), RUN.model_copy(update={"name": kind}), files=(file,))


def main() -> None:
    """Publish so many rounds; fail at the first that is not promoted."""
    root, kind, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    for number in range(rounds):
        result = publish(root, made(kind, number), WALL)
        assert result.promoted, result.reason


if __name__ == "__main__":
    main()
