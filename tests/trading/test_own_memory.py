"""No kernel leaves its buffers: compiled, that would read or write somebody else's memory."""

from __future__ import annotations

import pytest

from tests.trading.guarded_buffer import GuardedBuffer
from tests.trading.recorded import accounts, decisions, structures, trades
from trading.jit.backends import Backend
from trading.strategies.registry import strategy_names

PLAIN = decisions.base_cases()
ENGINES = trades.cases()
STAGED = (
    "additions, short, coarse",
    "averaged, guarded, long, by day",
    "dynamic leverage, short, by day",
    "ladder, trailing, long, by day",
    "sized by risk with additions",
)


@pytest.fixture(autouse=True)
def _buffers_are_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every buffer of the plain backend refuse a place that is not its own."""
    for name in ("floats", "integers", "column", "zeros", "whole_zeros", "empty", "whole_empty"):
        made = getattr(Backend, name)

        def guarded(self: Backend, what: object, made: object = made) -> GuardedBuffer:
            return GuardedBuffer(made(self, what))  # type: ignore[operator]

        monkeypatch.setattr(Backend, name, guarded)


@pytest.mark.parametrize("name", strategy_names())
def test_a_strategy_keeps_to_its_buffers(name: str) -> None:
    case = PLAIN.get(f"{name}, filtered", PLAIN[f"{name}, coarse"])
    assert decisions.decisions(case)


@pytest.mark.parametrize("name", STAGED)
def test_an_engine_keeps_to_its_buffers(name: str) -> None:
    assert trades.trades(ENGINES[name])


@pytest.mark.parametrize("name", accounts.CASES)
def test_an_account_keeps_to_its_buffers(name: str) -> None:
    assert accounts.lines_of(accounts.CASES[name]())


@pytest.mark.parametrize("name", structures.CASES)
def test_structures_keep_to_their_buffers(name: str) -> None:
    assert structures.structures(structures.CASES[name])
