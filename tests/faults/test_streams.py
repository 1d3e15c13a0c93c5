"""F10 to F14 and F22: streams that are mute, broken, out of order or wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.drill import (
    SOON,
    TAKEN,
    Drill,
    Fault,
    Outcome,
    before_entry,
    hold,
    struck,
    while_open,
)


async def held(folder: Path, *faults: Fault) -> Outcome:
    """A drill that ends as a clean run does, with equal ledgers."""
    outcome = await struck(folder, *faults)
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN
    return outcome


@pytest.mark.parametrize(
    "fault",
    [
        before_entry("mute_user", seconds=600.0),
        pytest.param(while_open("mute_user", seconds=600.0), marks=pytest.mark.slow),
        pytest.param(before_entry("half_open_user"), marks=pytest.mark.slow),
    ],
    ids=["before the entry", "while open", "half open"],
)
async def test_f10_a_mute_user_stream_loses_no_fill(tmp_path: Path, fault: Fault) -> None:
    await held(tmp_path, fault)


def trades(outcome: Outcome) -> list[dict[str, Any]]:
    """The trades of a drill; ids of the exchange differ between runs."""
    return outcome.rows(
        "select venue, symbol, side, price, quantity, fee from fills order by venue, time, price"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        before_entry("duplicate_user", count=1_000),
        before_entry("reorder_user", count=1_000, probability=0.5),
        before_entry("delay_user", count=1_000, probability=0.5, seconds=1.0),
    ],
    ids=lambda fault: str(fault["kind"]),
)
async def test_f12_repeated_and_disordered_events_end_as_a_clean_run_does(
    tmp_path: Path, fault: Fault
) -> None:
    (tmp_path / "clean").mkdir()
    clean = await hold(tmp_path / "clean", Drill())
    assert trades(await held(tmp_path, fault)) == trades(clean) != []


@pytest.mark.slow
@pytest.mark.parametrize("probability", [0.05, 0.3, 0.7])
async def test_f13_lost_events_are_restored_by_the_reconciliation(
    tmp_path: Path, probability: float
) -> None:
    fault = before_entry("drop_user", count=1_000, probability=probability)
    outcome = await hold(tmp_path, Drill((fault,), extra=SOON))
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        while_open("expire_listen_key"),
        while_open("terminate_user"),
        before_entry("disconnect_user"),
        while_open("server_shutdown", seconds=0.2),
    ],
    ids=lambda fault: str(fault["kind"]),
)
async def test_f14_a_stream_that_ends_is_opened_again(tmp_path: Path, fault: Fault) -> None:
    await held(tmp_path, fault)


@pytest.mark.slow
async def test_f21_a_candle_that_is_no_number_is_fetched_instead(tmp_path: Path) -> None:
    await held(tmp_path, before_entry("alter_market", field="k.c", value='"NaN"', count=50))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("venue", "event", "field", "value"),
    [
        ("usdm", "ORDER_TRADE_UPDATE", "o.X", '"NEW_STATUS"'),
        ("usdm", "ORDER_TRADE_UPDATE", "o.l", '"abc"'),
        ("usdm", "ORDER_TRADE_UPDATE", "o.ap", ""),
        ("spot", "executionReport", "X", '"NEW_STATUS"'),
        ("spot", "executionReport", "l", '"abc"'),
        ("spot", "executionReport", "z", ""),
    ],
)
async def test_f21_an_event_that_cannot_be_read_is_requested(
    tmp_path: Path, venue: str, event: str, field: str, value: str
) -> None:
    altered = {"field": field, "value": value, "venue": venue, "path": event, "count": 3}
    await held(tmp_path, before_entry("alter_user", **altered))


@pytest.mark.slow
async def test_f22_repeated_candles_decide_once(tmp_path: Path) -> None:
    await held(tmp_path, before_entry("duplicate_market", count=500, probability=0.5))
