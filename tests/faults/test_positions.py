"""F15 to F18, F21, F25: stops, prices, other people's hands, and an exchange that restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.drill import (
    BEFORE_ENTRY,
    STOPPED_FIRST,
    STOPS,
    TAKEN,
    VENUES,
    Fault,
    at,
    before_entry,
    struck,
    while_open,
)


async def test_f15_a_stop_that_would_trigger_at_once_closes(tmp_path: Path) -> None:
    outcome = await struck(
        tmp_path, before_entry("reject", method="POST", path=STOPS, code=-2021, count=2)
    )
    assert outcome.violations() == []
    assert outcome.ends() == STOPPED_FIRST


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        before_entry("reject", method="POST", path=STOPS, code=-4118, count=2),
        before_entry("unavailable_503", method="POST", path=STOPS, count=2),
        before_entry("timeout_1007", method="POST", path=STOPS, count=2),
        before_entry("drop_request", method="POST", path=STOPS, count=2),
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('code', '')}".strip(),
)
async def test_f15_a_stop_refused_once_is_placed_or_the_position_closed(
    tmp_path: Path, fault: Fault
) -> None:
    assert (await struck(tmp_path, fault)).violations() == []


@pytest.mark.slow
async def test_f15_a_stop_refused_for_good_ends_flat_within_five_seconds(tmp_path: Path) -> None:
    outcome = await struck(
        tmp_path, before_entry("reject", method="POST", path=STOPS, code=-4005, count=1_000)
    )
    assert outcome.violations() == []
    assert {reason for ends in outcome.ends().values() for reason in ends} == {"unprotected"}


@pytest.mark.slow
async def test_f16_a_stop_whose_child_dies_is_followed_by_a_close(tmp_path: Path) -> None:
    outcome = await struck(
        tmp_path,
        before_entry("kill_child"),
        while_open("price_jump", symbol="ETHUSDT", price="2440"),
    )
    assert outcome.violations() == []
    assert outcome.ends()["binance_usdm"][0] == "stop_died"


@pytest.mark.slow
@pytest.mark.parametrize("price", ["2440", "2400", "1200"])
async def test_f17_a_gap_through_the_stop_is_booked_as_it_traded(
    tmp_path: Path, price: str
) -> None:
    outcome = await struck(tmp_path, while_open("price_jump", symbol="ETHUSDT", price=price))
    assert outcome.violations() == []
    assert outcome.ends() == STOPPED_FIRST


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["liquidate", "adl"])
async def test_f17_what_the_exchange_closes_halts_its_symbol(tmp_path: Path, kind: str) -> None:
    outcome = await struck(tmp_path, while_open(kind, symbol="ETHUSDT"))
    assert outcome.violations() == []
    assert outcome.ends() == {"binance_usdm": ["liquidation"], "binance_spot": ["take_profit"]}
    assert any("liquidated" in text for text in outcome.events("symbol_halted"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("venue", "left"),
    [
        ("usdm", ["I4: ETHUSDT: the executor holds 0, the exchange 0.050"]),
        # A balance of an asset beside ours is nobody's position.
        ("spot", []),
    ],
)
async def test_f18_what_somebody_else_buys_is_not_ours(
    tmp_path: Path, venue: str, left: list[str]
) -> None:
    bought = {"symbol": "ETHUSDT", "side": "BUY", "quantity": "0.05", "venue": venue}
    outcome = await struck(tmp_path, while_open("foreign_order", **bought))
    # Theirs stays at the exchange; the executor has never held it.
    assert outcome.violations() == left
    assert outcome.ends() == TAKEN
    assert len(outcome.events("symbol_halted")) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [
        [while_open("foreign_order", symbol="ETHUSDT", side="SELL", quantity="0.05")],
        [while_open("foreign_cancel", symbol="ETHUSDT", venue="usdm")],
        [while_open("foreign_cancel", symbol="ETHUSDT", venue="spot")],
        [
            while_open("foreign_cancel", symbol="ETHUSDT", venue="spot"),
            while_open(
                "foreign_order", symbol="ETHUSDT", side="SELL", quantity="0.05", venue="spot"
            ),
        ],
        [while_open("foreign_leverage", symbol="ETHUSDT", leverage=8)],
        [before_entry("foreign_margin", symbol="ETHUSDT")],
    ],
    ids=["sell", "cancel", "cancel on spot", "sell on spot", "leverage", "margin"],
)
async def test_f18_changes_by_hand_leave_ours_protected(
    tmp_path: Path, faults: list[Fault]
) -> None:
    outcome = await struck(tmp_path, *faults)
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN


@pytest.mark.slow
async def test_f18_in_hedge_mode_nothing_is_entered_on_margin(tmp_path: Path) -> None:
    outcome = await struck(tmp_path, before_entry("foreign_mode"))
    assert outcome.violations() == []
    assert outcome.ends() == {"binance_usdm": [], "binance_spot": ["take_profit"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        before_entry("set_filter", symbol="ETHUSDT", tick="0.1", step="0.01"),
        before_entry("set_status", symbol="ETHUSDT", status="BREAK"),
    ],
    ids=lambda fault: str(fault["kind"]),
)
async def test_f21_rules_that_change_refuse_entries_and_end_nothing(
    tmp_path: Path, fault: Fault
) -> None:
    outcome = await struck(tmp_path, fault)
    assert outcome.violations() == []
    assert outcome.ends() == {venue: [] for venue in VENUES}
    assert outcome.events("order_failed") != []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["restart", "maintenance"])
async def test_f25_an_exchange_that_restarts_is_reconciled(tmp_path: Path, kind: str) -> None:
    outcome = await struck(tmp_path, while_open(kind, seconds=3.0))
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN


@pytest.mark.slow
async def test_f25_an_entry_that_a_rollback_takes_back_is_said_and_given_up(
    tmp_path: Path,
) -> None:
    rolled = {"kind": "restart", "seconds": 2.0, "rollback": True, "at": at(BEFORE_ENTRY) + 60_500}
    outcome = await struck(tmp_path, before_entry("checkpoint"), rolled)
    # The trades that the exchange forgot are the only difference.
    assert {text.split(":")[0] for text in outcome.violations()} == {"I3"}
    assert len(outcome.events("position_corrected")) == len(VENUES)
    assert outcome.rows("select 1 from positions where closed_at is null") == []
