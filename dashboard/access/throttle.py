"""The throttle of the login: wrong passwords wait, by address and all together.

It is kept in a file, so that whoever can make the dashboard start again gains nothing by it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lake.files import write_bytes

log = logging.getLogger(__name__)

NAME = "dashboard.throttle"
FREE_FAILURES = 5
FREE_FAILURES_OF_ALL = 50
"""A proxy names the address, and whoever reaches this machine can name any: all count as well."""
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 15 * 60.0
FORGOTTEN_S = 24 * 3600.0
MOST_ADDRESSES = 500
EVERYBODY = "*"


@dataclass(slots=True)
class _Failures:
    """Wrong passwords in a row; times in seconds of the clock on the wall."""

    count: int = 0
    last: float = 0.0
    until: float = 0.0


class Throttle:
    """After five wrong passwords of an address each further one waits, twice as long each time."""

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._known = self._read()

    def wait_s(self, address: str) -> float:
        """Return how long the next attempt has to wait; 0 if it may come now."""
        now = self._clock()
        return max(0.0, *(self._remaining_s(name, now) for name in (address, EVERYBODY)))

    def _remaining_s(self, name: str, now: float) -> float:
        found = self._failures(name)
        if not found.until - now <= LONGEST_WAIT_S:
            # The clock was set back: the longest wait begins now, and ends.
            found.last, found.until = now, now + LONGEST_WAIT_S
        return found.until - now

    def failed(self, address: str) -> None:
        """Note a wrong password."""
        now = self._clock()
        for name, free in ((address, FREE_FAILURES), (EVERYBODY, FREE_FAILURES_OF_ALL)):
            found = self._failures(name)
            over = found.count + 1 - free
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(over, 20)) if over >= 0 else 0.0
            self._known[name] = _Failures(found.count + 1, now, now + wait_s)
        self._write(now)

    def passed(self, address: str) -> None:
        """Forget the failures."""
        if self._known.pop(address, None) or self._known.pop(EVERYBODY, None):
            self._known.pop(EVERYBODY, None)
            self._write(self._clock())

    def _failures(self, name: str) -> _Failures:
        return self._known.get(name, _Failures())

    def _read(self) -> dict[str, _Failures]:
        try:
            found = json.loads(self._file.read_bytes())
            return {
                str(name): _Failures(int(one["count"]), float(one["last"]), float(one["until"]))
                for name, one in found.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is not read, so no failures are known: %s", self._file, error)
            return {}

    def _write(self, now: float) -> None:
        kept = {name: one for name, one in self._known.items() if now - one.last < FORGOTTEN_S}
        newest = sorted(kept, key=lambda name: (name == EVERYBODY, kept[name].last))
        self._known = {name: kept[name] for name in newest[-MOST_ADDRESSES:]}
        document = json.dumps({name: asdict(one) for name, one in self._known.items()})
        mask = os.umask(0o077)
        try:
            write_bytes(self._file, document.encode())
        except OSError as error:
            log.warning("wrong passwords are not kept over a restart: %s", error)
        finally:
            os.umask(mask)
