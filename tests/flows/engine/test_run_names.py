"""Names and tags of runs, as they appear in the Prefect UI."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.engine.run_names import run_name, run_tags


@pytest.mark.parametrize(
    ("flow", "as_of", "name"),
    [
        ("nightly", "2026-11-29T00:15", "nightly 2026-11-28"),
        ("nightly", "2026-11-29T00:00", "nightly 2026-11-28"),
        ("nightly", "2026-01-01T13:00", "nightly 2025-12-31"),
        ("report", "2026-11-29T13:00", "report 2026-11-28"),
        ("retune_k", "2026-11-29T08:05", "retune K 08:00"),
        ("export_ledger", "2026-11-29T23:10", "export ledger 23:00"),
        ("scan", "2026-11-29T08:15", "scan 08:15"),
        ("scan", "2026-11-29T08:29", "scan 08:15"),
        ("download", "2026-11-29T00:02", "download 00:00"),
    ],
)
def test_a_run_is_named_by_what_it_does_and_when(flow: str, as_of: str, name: str) -> None:
    assert run_name(flow, datetime.fromisoformat(as_of).replace(tzinfo=UTC)) == name


def test_a_run_is_tagged_by_flow_and_venue_and_by_what_it_left_out() -> None:
    assert run_tags("retune_k", "binance_usdm") == ("retune-k", "binance_usdm")
    assert run_tags("scan", "upbit", left_out=True) == ("scan", "upbit", "left-out")
