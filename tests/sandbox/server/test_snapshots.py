"""A state file carries its layout version, and another layout is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
import typing
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest

from sandbox.engines.common.serialization import freeze
from sandbox.engines.kis.engine import KisCore
from sandbox.engines.spot.model import SpotAccount, SpotEvent
from sandbox.engines.spot.state import SpotCore
from sandbox.engines.usdm.events import UsdmEvent
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.engines.usdm.state import UsdmCore
from sandbox.protocol.listen_keys import ListenKeys
from sandbox.server.server import SandboxServer
from sandbox.server.snapshots import VERSION
from trading.errors import DataError

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
# SHA-256 of the classes and fields of the saved state, by layout version.
LAYOUTS = {9: "ba230590867f91b3f6f8aa89c584e40ea4531afca67f79d7269ded33182dd46c"}


async def saved_state(serving: Serving, path: Path, version: bytes | None) -> Path:
    """Write a state file, then change its version."""
    async with serving(state=path):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("delete from state where name = 'version'")
        if version is not None:
            connection.execute("insert into state values ('version', ?)", (version,))
    return path


@pytest.mark.parametrize(
    ("version", "found"),
    [(freeze(3), "3"), (freeze(99), "99"), (None, "none"), (b"?", "an unreadable one")],
)
async def test_state_of_another_layout_is_refused_with_a_next_step(
    serving: Serving, tmp_path: Path, version: bytes | None, found: str
) -> None:
    path = await saved_state(serving, tmp_path / "state.sqlite", version)
    before = path.read_bytes()
    with pytest.raises(DataError) as refusal:
        async with serving(state=path):
            pass
    assert str(refusal.value) == (
        f"{path}: its state has layout version {found}, this sandbox reads {VERSION}; "
        "move the file away to start afresh, or resume it with the version that wrote it"
    )
    assert path.read_bytes() == before


async def test_state_that_names_an_unknown_class_is_refused_with_its_file(
    serving: Serving, tmp_path: Path
) -> None:
    path = await saved_state(serving, tmp_path / "state.sqlite", freeze(VERSION))
    with closing(sqlite3.connect(path)) as connection, connection:
        (head,) = connection.execute("select value from state where name = 'usdm'").fetchone()
        other = head.replace(b"UsdmCore", b"OtherCore")
        connection.execute("update state set value = ? where name = 'usdm'", (other,))
    with pytest.raises(DataError, match="the state of usdm is damaged"):
        async with serving(state=path):
            pass


def saved_classes(kind: object, found: dict[str, list[str]]) -> None:
    """Add the dataclasses that a type refers to, with their fields."""
    for part in typing.get_args(kind):
        saved_classes(part, found)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        return
    name = f"{kind.__module__}:{kind.__qualname__}"
    if name in found:
        return
    found[name] = sorted(field.name for field in dataclasses.fields(kind))
    for hint in typing.get_type_hints(kind).values():
        saved_classes(hint, found)


def test_changed_layout_of_the_state_has_a_new_version() -> None:
    found: dict[str, list[str]] = {}
    for kind in (
        UsdmCore,
        UsdmAccount,
        UsdmEvent,
        SpotCore,
        SpotAccount,
        SpotEvent,
        KisCore,
        ListenKeys,
    ):
        saved_classes(kind, found)
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    assert LAYOUTS[VERSION] == digest, "the saved state has changed: increase VERSION"
