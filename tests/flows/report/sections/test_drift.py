from __future__ import annotations

from typing import Any

from flows.report.sections.drift import MOST, drift_grid


def row(symbol: str, feature: str, score: float, limit: float | None = None) -> dict[str, Any]:
    return {"symbol": symbol, "feature": feature, "score": score, "limit": limit}


def cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    found = drift_grid(rows)
    assert found is not None
    return [[cell.text for cell in line] for line in found.rows]


def test_the_errors_of_a_model_are_shown_whether_they_drift_or_not() -> None:
    found = cells(
        [
            row("ETHUSDT", "errors of volatility_1h", 0.8, 1.1),
            row("BTCUSDT", "errors of volatility_1h", 1.3, 1.1),
        ]
    )
    assert found == [
        ["BTCUSDT", "errors of volatility_1h", "1.30", "1.10", "drifts: unproven"],
        ["ETHUSDT", "errors of volatility_1h", "0.80", "1.10", "as before"],
    ]


def test_only_features_that_moved_are_listed_the_furthest_first() -> None:
    found = cells(
        [row("BTCUSDT", "calm", 0.24), row("BTCUSDT", "a", 0.3), row("BTCUSDT", "b", 0.9)]
    )
    assert [line[1:] for line in found] == [
        ["b", "0.90", "0.25", "moved"],
        ["a", "0.30", "0.25", "moved"],
    ]


def test_many_features_of_a_symbol_are_counted_and_not_listed() -> None:
    found = drift_grid([row("BTCUSDT", f"f{n}", 1.0) for n in range(MOST + 3)])
    assert found is not None
    assert len(found.rows) == MOST
    assert found.more == "3 more features moved; they are in the table `drift`"


def test_without_drift_there_is_no_table() -> None:
    assert drift_grid([]) is None
    assert drift_grid([row("BTCUSDT", "calm", 0.1)]) is None
