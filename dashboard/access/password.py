"""The password of the dashboard: an argon2id hash in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lake.files import write_bytes
from trading.errors import SettingsError

NAME = "dashboard.password"
SHORTEST = 12
HASHER = PasswordHasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)
"""32 MiB, twice: slow to guess, and small enough for a machine with 1 GB (OWASP asks 19 MiB)."""


def store_password(state: Path, password: str) -> Path:
    """Write the hash of a password; the file has mode 600.

    Raises:
        SettingsError: the password is too short.
    """
    if len(password) < SHORTEST:
        raise SettingsError(f"the password is too short: give at least {SHORTEST} characters")
    path = state / NAME
    mask = os.umask(0o077)
    try:
        write_bytes(path, HASHER.hash(password).encode() + b"\n")
    finally:
        os.umask(mask)
    return path


def make_password() -> str:
    """Return a random password of 128 bits."""
    return secrets.token_urlsafe(16)


def read_hash(state: Path) -> str:
    """Return the stored hash.

    Raises:
        SettingsError: there is none, or others may read it.
    """
    path = state / NAME
    if not path.is_file():
        raise SettingsError(
            f"{path} does not exist: set a password with `nocturne dashboard password`"
        )
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others; run chmod 600 {path}")
    return path.read_text(encoding="ascii").strip()


def matches(stored: str, password: str) -> bool:
    """Tell whether a password has the stored hash; takes the same time for any wrong one."""
    try:
        return HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
