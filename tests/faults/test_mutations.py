"""Faults in the executor itself, which the drills and their audit must notice."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from executor.execution.fills import FillRecorder
from executor.execution.order_manager import OrderManager
from executor.ledger.store import Ledger
from executor.model import NewOrder, VenueFill
from tests.faults.drill import ENTRIES, SOON, Drill, Outcome, before_entry, hold

pytestmark = pytest.mark.slow


async def noticed(folder: Path, kind: str) -> Outcome:
    """The drill F2 or F3, whose audit must find something."""
    fault = before_entry(kind, method="POST", path=ENTRIES, count=2)
    outcome = await hold(folder, Drill((fault,), extra=SOON))
    assert outcome.struck > 0
    assert outcome.violations() != []
    return outcome


async def test_without_the_query_an_unanswered_entry_is_sent_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_asked(_manager: OrderManager, _order: NewOrder) -> None:
        return None

    async def repeated(*_arguments: Any) -> bool:
        return True

    monkeypatch.setattr(OrderManager, "query_until_certain", never_asked)
    monkeypatch.setattr("executor.execution.entries.EntryHandler._may_repeat", repeated)
    outcome = await noticed(tmp_path, "drop_response")
    assert any(text.startswith("I1") for text in outcome.violations())


async def test_a_trade_that_is_not_written_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_fill, dropped = Ledger.add_fill, []

    def forgetful(ledger: Ledger, fill: VenueFill, *others: Any) -> bool:
        if not dropped or fill.trade_id in dropped:
            dropped.append(fill.trade_id)
            return False
        return add_fill(ledger, fill, *others)

    monkeypatch.setattr(Ledger, "add_fill", forgetful)
    outcome = await noticed(tmp_path, "drop_response")
    assert any(text.startswith("I3") for text in outcome.violations())


async def test_a_fill_that_is_applied_twice_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, numbers = FillRecorder.apply, itertools.count(1)

    def doubled(recorder: FillRecorder, fill: VenueFill, row: Any) -> bool:
        found = apply(recorder, fill, row)
        apply(recorder, replace(fill, trade_id=f"9{next(numbers)}{fill.trade_id}"), row)
        return found

    monkeypatch.setattr(FillRecorder, "apply", doubled)
    outcome = await noticed(tmp_path, "drop_response")
    assert any(text.startswith("I3") for text in outcome.violations())
