"""Passwords, sessions and the throttle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboard.access.password import NAME, matches, read_hash, store_password
from dashboard.access.sessions import IDLE_S, LONGEST_S, Sessions
from dashboard.access.throttle import (
    EVERYBODY,
    FORGOTTEN_S,
    FREE_FAILURES_OF_ALL,
    LONGEST_WAIT_S,
    MOST_ADDRESSES,
    Throttle,
)
from trading.errors import SettingsError

PASSWORD = "correct horse battery"
INFINITE = '{"a": {"count": Infinity, "last": 0, "until": 0}}'


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


def test_the_sixth_wrong_password_waits_and_the_wait_doubles(tmp_path: Path) -> None:
    clock = Clock()
    throttle = Throttle(tmp_path / "throttle", clock)
    waits = []
    for _ in range(20):
        throttle.failed("a")
        waits.append(throttle.wait_s("a"))
        clock.now += throttle.wait_s("a")
    assert waits[:4] == [0.0] * 4
    assert waits[4:8] == [2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == LONGEST_WAIT_S
    throttle.passed("a")
    throttle.failed("a")
    assert throttle.wait_s("a") == 0.0


def test_a_restart_does_not_shorten_the_wait(tmp_path: Path) -> None:
    clock = Clock()
    file = tmp_path / "throttle"
    for _ in range(8):
        Throttle(file, clock).failed("a")
    assert Throttle(file, clock).wait_s("a") == 16.0
    assert file.stat().st_mode & 0o777 == 0o600
    clock.now += 10.0
    assert Throttle(file, clock).wait_s("a") == 6.0


def test_one_address_does_not_lock_out_another_and_many_are_one_attack(tmp_path: Path) -> None:
    throttle = Throttle(tmp_path / "throttle", Clock())
    for _ in range(6):
        throttle.failed("attacker")
    assert throttle.wait_s("attacker") > 0.0
    assert throttle.wait_s("operator") == 0.0
    for number in range(FREE_FAILURES_OF_ALL):
        throttle.failed(f"made-up-{number}")
    assert throttle.wait_s("never seen") > 0.0


def test_a_clock_that_was_set_back_locks_nobody_out_for_longer(tmp_path: Path) -> None:
    clock = Clock()
    clock.now = 1e9
    throttle = Throttle(tmp_path / "throttle", clock)
    for _ in range(30):
        throttle.failed("a")
    clock.now = 0.0
    assert throttle.wait_s("a") == LONGEST_WAIT_S
    clock.now = LONGEST_WAIT_S - 1.0
    assert throttle.wait_s("a") == 1.0
    clock.now = LONGEST_WAIT_S
    assert throttle.wait_s("a") == 0.0


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"a": 1}', '{"a": {"count": "x"}}', INFINITE])
def test_a_torn_file_is_no_failure_and_no_fault(tmp_path: Path, torn: str) -> None:
    file = tmp_path / "throttle"
    file.write_text(torn)
    throttle = Throttle(file, Clock())
    assert throttle.wait_s("a") == 0.0
    throttle.failed("a")
    assert '"a"' in file.read_text()


def test_addresses_are_forgotten_after_a_day_and_are_bounded(tmp_path: Path) -> None:
    clock = Clock()
    throttle = Throttle(tmp_path / "throttle", clock)
    throttle.failed("old")
    clock.now += FORGOTTEN_S
    for number in range(MOST_ADDRESSES + 20):
        throttle.failed(str(number))
    kept = json.loads((tmp_path / "throttle").read_text())
    assert "old" not in kept
    assert len(kept) == MOST_ADDRESSES
    assert EVERYBODY in kept
