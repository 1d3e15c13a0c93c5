"""Passwords, sessions and the throttle."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.password import NAME, matches, read_hash, store_password
from dashboard.sessions import IDLE_S, LONGEST_S, LONGEST_WAIT_S, Sessions, Throttle
from trading.errors import SettingsError

PASSWORD = "correct horse battery"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_the_hash_is_stored_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = store_password(tmp_path, PASSWORD)
    assert path.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in path.read_text()
    assert path.read_text().startswith("$argon2id$v=19$m=32768,t=2,p=1$")
    assert matches(read_hash(tmp_path), PASSWORD)
    assert not matches(read_hash(tmp_path), PASSWORD + "x")


def test_a_short_password_a_missing_and_an_open_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least 12 characters"):
        store_password(tmp_path, "short")
    with pytest.raises(SettingsError, match="nocturne dashboard password"):
        read_hash(tmp_path)
    store_password(tmp_path, PASSWORD).chmod(0o644)
    with pytest.raises(SettingsError, match=f"chmod 600 .*{NAME}"):
        read_hash(tmp_path)


def test_a_session_ends_when_it_is_idle_and_when_it_is_old() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    idle, busy = sessions.begin(), sessions.begin()
    while clock.now < LONGEST_S:
        assert sessions.find(busy) is not None
        clock.now += IDLE_S / 2
    assert sessions.find(idle) is None
    clock.now += 1
    assert sessions.find(busy) is None


def test_every_session_has_its_own_id_and_token() -> None:
    sessions = Sessions(Clock())
    first, second = sessions.begin(), sessions.begin()
    assert first != second
    tokens = [sessions.find(each) for each in (first, second)]
    assert tokens[0] is not None
    assert tokens[1] is not None
    assert tokens[0].csrf != tokens[1].csrf
    assert sessions.find("made-up") is None
    sessions.end(first)
    assert sessions.find(first) is None


def test_the_sixth_wrong_password_waits_and_the_wait_doubles() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    waits = []
    for _ in range(20):
        throttle.failed()
        waits.append(throttle.wait_s)
        clock.now += throttle.wait_s
    assert waits[:4] == [0.0] * 4
    assert waits[4:8] == [2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == LONGEST_WAIT_S
    throttle.passed()
    throttle.failed()
    assert throttle.wait_s == 0.0
