from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from flows.report.sections.forecasts import MOST, forecast_grid

AT = datetime(2025, 6, 22, 4, 1, tzinfo=UTC)
KNOWN = {
    "model": "volatility_1h-BTCUSDT",
    "proven": False,
    "value": 0.0009,
    "usual": 0.0006,
    "made_at": "2025-06-22T03:45:00Z",
    "share": 2 / 3,
}


def intent(forecast: dict[str, Any] | None, kind: str = "order_intent") -> dict[str, Any]:
    data = {"quantity": "0.01", "forecast": forecast, "without_forecast": "0.015"}
    return {"type": kind, "time": AT, "symbol": "BTCUSDT", "data": json.dumps(data)}


def test_every_entry_shows_its_forecast_and_what_its_size_would_have_been() -> None:
    found = forecast_grid([intent(KNOWN), intent({"missing": "none is published"})])
    assert found is not None
    (first, second) = ([cell.text for cell in row] for row in found.rows)
    assert first[1:4] == ["BTCUSDT", "volatility_1h-BTCUSDT (unproven)", "1.50"]
    assert first[5:] == ["67%", "0.01", "0.015"]
    assert second[2] == "none: none is published"


def test_without_forecasts_there_is_no_table() -> None:
    assert forecast_grid([intent(None), intent(KNOWN, "signal_generated")]) is None


def test_only_the_newest_entries_are_listed() -> None:
    found = forecast_grid([intent(KNOWN)] * (MOST + 2))
    assert found is not None
    assert len(found.rows) == MOST
    assert found.more == "2 earlier entries are in the table `events`"
