"""Accounts of several strategies end on recorded candles as they ended before."""

from __future__ import annotations

import pytest

from tests.trading.recorded.accounts import CASES, lines_of
from tests.trading.recorded.markets import load

RECORDED = load("accounts")


@pytest.mark.parametrize("name", RECORDED)
def test_accounts_are_those_recorded(name: str) -> None:
    assert lines_of(CASES[name]()) == RECORDED[name]


def test_every_case_is_recorded() -> None:
    assert set(CASES) == set(RECORDED)
