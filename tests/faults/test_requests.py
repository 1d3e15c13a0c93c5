"""F2 to F9: what happens to a request, its answer, its limits and the clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.drill import (
    ENTRIES,
    SOON,
    STOPS,
    TAKEN,
    VENUES,
    Drill,
    Outcome,
    before_entry,
    hold,
    while_open,
)


async def struck(folder: Path, kind: str, path: str, count: int = 2, **settings: object) -> Outcome:
    """A drill whose fault hits the requests of both venues; ``ENTRIES`` no other orders."""
    if path == ENTRIES:
        settings["client_id"] = "-en-"
    fault = before_entry(kind, method="POST", path=path, count=count, **settings)
    outcome = await hold(folder, Drill((fault,)))
    assert outcome.struck > 0
    return outcome


@pytest.mark.parametrize(
    "kind",
    [
        "drop_response",
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in ("unknown_503", "timeout_1007", "timeout_1006", "garble_response")
        ),
    ],
)
async def test_f2_an_entry_taken_but_not_answered_is_found(tmp_path: Path, kind: str) -> None:
    outcome = await struck(tmp_path, kind, ENTRIES)
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["drop_response", "unknown_503", "garble_response"])
async def test_f2_a_stop_taken_but_not_answered_rests_once(tmp_path: Path, kind: str) -> None:
    outcome = await struck(tmp_path, kind, STOPS)
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN
    stops = outcome.at_exchange("select distinct algo_id from algo_orders")
    assert len(stops) == 2  # a stop and a target


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["drop_request", "lost_503"])
async def test_f3_an_entry_that_never_arrived_gets_one_more_attempt(
    tmp_path: Path, kind: str
) -> None:
    outcome = await struck(tmp_path, kind, ENTRIES)
    assert outcome.violations() == []
    attempts = outcome.rows(
        "select venue, n, status from orders where leg = 'en' and key in"
        " (select key from orders where status = 'dead') order by venue, n"
    )
    assert attempts == [
        {"venue": venue, "n": n, "status": status}
        for venue in sorted(VENUES)
        for n, status in ((0, "dead"), (1, "filled"))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2.0, 7.0, 12.0])
async def test_f4_an_entry_that_is_held_up_trades_at_most_once(
    tmp_path: Path, seconds: float
) -> None:
    outcome = await struck(tmp_path, "hold_request", ENTRIES, seconds=seconds)
    assert outcome.violations() == []


async def test_f5_what_a_proxy_bought_twice_is_sold_and_said(tmp_path: Path) -> None:
    outcome = await struck(tmp_path, "repeat_request", ENTRIES)
    # The proxy's doing shows in the exchange's ledger; nothing else may.
    assert [text[:2] for text in outcome.violations()] == ["I1", "I1"]
    assert len(outcome.events("risk_threshold_exceeded")) == 2
    sold = outcome.rows("select venue, status from orders where reason = 'excess' order by venue")
    assert sold == [{"venue": venue, "status": "filled"} for venue in sorted(VENUES)]
    assert outcome.ends() == TAKEN


@pytest.mark.slow
async def test_f5_a_stop_sent_twice_rests_once(tmp_path: Path) -> None:
    outcome = await struck(tmp_path, "repeat_request", STOPS)
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN


@pytest.mark.slow
async def test_f6_a_rate_limit_on_the_stop_leaves_nothing_unprotected(tmp_path: Path) -> None:
    outcome = await struck(tmp_path, "rate_limit", STOPS, seconds=20.0)
    assert outcome.violations() == []


@pytest.mark.slow
async def test_f6_a_closed_window_is_waited_for_and_never_becomes_a_ban(tmp_path: Path) -> None:
    fault = while_open("rate_limit_window", seconds=10.0, count=3)
    outcome = await hold(tmp_path, Drill((fault,), extra=SOON))
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN


@pytest.mark.slow
@pytest.mark.parametrize("venue", ["usdm", "spot"])
async def test_f7_during_a_ban_the_stops_hold_and_nothing_is_requested(
    tmp_path: Path, venue: str
) -> None:
    fault = while_open("ban", seconds=4.0, venue=venue)
    outcome = await hold(tmp_path, Drill((fault,), extra="[timing]\nreconcile_s = 0.5\n"))
    # The one answer of the ban itself: nobody asked again before its end.
    assert outcome.violations() == ["I8: 1 requests were banned"]
    assert outcome.ends() == TAKEN


@pytest.mark.slow
async def test_f8_an_overload_delays_entries_and_never_stops(tmp_path: Path) -> None:
    outcome = await struck(tmp_path, "throttled", "", count=4)
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [5.0, -5.0])
async def test_f9_a_clock_that_jumps_is_measured_again(tmp_path: Path, seconds: float) -> None:
    outcome = await hold(tmp_path, Drill((before_entry("skew", seconds=seconds),)))
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN
    late = outcome.at_exchange("select count(*) as n from requests where code = -1021")
    assert late[0]["n"] <= 2  # one of each venue


@pytest.mark.slow
async def test_f9_a_clock_that_drifts_is_followed(tmp_path: Path) -> None:
    outcome = await hold(tmp_path, Drill((before_entry("drift", seconds=120.0),)))
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN
