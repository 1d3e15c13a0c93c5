"""Recorded results are those of plain Python; other tests hold compiled kernels to them."""

from __future__ import annotations

import pytest

from trading.jit.backends import COMPILE_VARIABLE


@pytest.fixture(autouse=True)
def _kernels_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMPILE_VARIABLE, "never")
