"""Accounts of a run: one from the command line, or several from a file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from sandbox.protocol.api_keys import Credentials
from trading.errors import SettingsError

FIELDS = {"name", "key", "secret", "public_key", "usdm", "spot"}


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """An account with its keys and its first deposits on each venue."""

    name: str
    keys: tuple[Credentials, ...]
    usdm: Mapping[str, Decimal] = field(default_factory=dict)
    spot: Mapping[str, Decimal] = field(default_factory=dict)


def one_account(key: str, secret: str, balances: Mapping[str, Decimal]) -> list[AccountPlan]:
    """Plan the account of the command line: USDT goes to both venues, the rest to spot."""
    usdm = {asset: amount for asset, amount in balances.items() if asset == "USDT"}
    return [AccountPlan("main", (Credentials(key, secret, "main"),), usdm, balances)]


def read_accounts(path: Path) -> list[AccountPlan]:
    """Read a TOML file: ``[[account]]`` with name, key, secret or public_key, balances.

    ``usdm`` and ``spot`` are tables of first deposits by asset.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"--accounts {path}: not a readable TOML file ({error})") from error
    rows = document.get("account")
    if not isinstance(rows, list) or not rows:
        raise SettingsError(f"--accounts {path}: holds no [[account]]")
    plans = [_plan(path, row) for row in rows]
    names = [plan.name for plan in plans]
    keys = [credentials.key for plan in plans for credentials in plan.keys]
    for noun, found in (("name", names), ("key", keys)):
        double = next((value for value in found if found.count(value) > 1), None)
        if double is not None:
            raise SettingsError(f"--accounts {path}: {noun} {double!r} is given twice")
    return plans


def _plan(path: Path, row: Mapping[str, Any]) -> AccountPlan:
    unknown = set(row) - FIELDS
    if unknown:
        raise SettingsError(f"--accounts {path}: {sorted(unknown)[0]!r} is not a field of account")
    try:
        name, key = str(row["name"]), str(row["key"])
    except KeyError as error:
        raise SettingsError(
            f"--accounts {path}: an account has no {error}; each needs name and key"
        ) from error
    credentials = Credentials(key, str(row.get("secret", "")), name, str(row.get("public_key", "")))
    if not credentials.secret and not credentials.ed25519:
        raise SettingsError(f"--accounts {path}: account {name} has no secret and no public_key")
    return AccountPlan(
        name, (credentials,), _deposits(path, row, "usdm"), _deposits(path, row, "spot")
    )


def _deposits(path: Path, row: Mapping[str, Any], venue: str) -> dict[str, Decimal]:
    deposits = {}
    for asset, text in dict(row.get(venue, {})).items():
        try:
            amount = Decimal(str(text))
        except InvalidOperation as error:
            raise SettingsError(
                f"--accounts {path}: {asset} = {text!r} is not an amount"
            ) from error
        if not amount.is_finite() or amount < 0:
            raise SettingsError(f"--accounts {path}: {asset} must be 0 or more")
        if venue == "usdm" and asset != "USDT":
            raise SettingsError(f"--accounts {path}: {asset}: USDⓈ-M margin is in USDT")
        deposits[asset] = amount
    return deposits
