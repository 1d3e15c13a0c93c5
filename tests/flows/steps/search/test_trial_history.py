"""Manual searches count in the lake like the nightly's, and the report does not show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.report.lake_reader import research_rows
from flows.steps.search.trial_history import earlier_trials, record_trials
from lake.store import Lake
from lake.tables import SEARCHES
from trading.metrics import SUMS_SIZE, Metrics, metrics_of
from trading.strategies.technical.breakout import Breakout

AS_OF = datetime(2025, 6, 19, tzinfo=UTC)
NOTHING = metrics_of([0.0] * SUMS_SIZE, 1, 1)


class Second(Breakout):
    """The same strategy in its second version."""

    version = "2"


def tried(*values: float) -> list[tuple[dict[str, float], Metrics]]:
    return [({"k": value}, NOTHING) for value in values]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_each_set_counts_once_however_often_it_is_tried(lake: Lake) -> None:
    first = record_trials(lake, Breakout(), "BTCUSDT", AS_OF, tried(0.4, 0.5))
    assert record_trials(lake, Breakout(), "BTCUSDT", AS_OF, tried(0.4, 0.5)) == first
    record_trials(lake, Breakout(), "BTCUSDT", AS_OF, tried(0.5, 0.6))
    found = earlier_trials(lake, Breakout(), "BTCUSDT", AS_OF)
    assert found == ({"k": 0.4}, {"k": 0.5}, {"k": 0.6})


def test_other_symbols_versions_and_later_times_do_not_count(lake: Lake) -> None:
    record_trials(lake, Breakout(), "BTCUSDT", AS_OF, tried(0.4))
    assert earlier_trials(lake, Breakout(), "ETHUSDT", AS_OF) == ()
    assert earlier_trials(lake, Second(), "BTCUSDT", AS_OF) == ()
    assert earlier_trials(lake, Breakout(), "BTCUSDT", AS_OF - timedelta(days=1)) == ()


def test_the_report_does_not_show_manual_searches(lake: Lake) -> None:
    record_trials(lake, Breakout(), "BTCUSDT", AS_OF, tried(0.4))
    assert lake.read(SEARCHES).num_rows == 1
    assert research_rows(lake, SEARCHES, AS_OF) == []
