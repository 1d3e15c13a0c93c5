"""The folders of compiled code: one for each version of the source, and none for ever."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from trading.jit import compiler

DAY_S = 86_400


@pytest.fixture(autouse=True)
def _setting_of_the_process() -> Iterator[None]:
    before = compiler.current_folder()
    yield
    compiler.enable(before)


def unused_for(days: float, folder: Path) -> Path:
    """Make a folder whose last use was so many days before now."""
    folder.mkdir(parents=True)
    (folder / "kernel.nbc").write_bytes(b"machine code")
    now = folder.stat().st_mtime
    os.utime(folder, (now - days * DAY_S, now - days * DAY_S))
    return folder


def test_a_new_version_removes_code_that_nobody_has_used_for_a_month(tmp_path: Path) -> None:
    old = unused_for(31, tmp_path / "numba-old")
    recent = unused_for(29, tmp_path / "numba-recent")
    half_removed = unused_for(0, tmp_path / "removed-numba-older")
    others = unused_for(400, tmp_path / "strangers")
    used = compiler.enable(tmp_path)
    assert used is not None
    assert used.is_dir()
    assert not old.exists()
    assert not half_removed.exists()
    assert (recent / "kernel.nbc").exists()
    assert (others / "kernel.nbc").exists()
    assert sorted(folder.name for folder in tmp_path.iterdir()) == sorted(
        ["numba-recent", "strangers", used.name]
    )


def test_code_that_is_used_stays(tmp_path: Path) -> None:
    used = compiler.enable(tmp_path)
    assert used is not None
    long_ago = used.stat().st_mtime - 90 * DAY_S
    os.utime(used, (long_ago, long_ago))
    compiler.enable(tmp_path)
    assert used.stat().st_mtime > long_ago + 89 * DAY_S
