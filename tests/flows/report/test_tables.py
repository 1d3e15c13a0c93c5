"""Tables that several sections share."""

from __future__ import annotations

from flows.report.tables import metric_grid


def test_what_a_search_says_of_its_choice_stands_beside_the_gates() -> None:
    beside = {"deflated_sharpe": 0.91, "overfitting": 0.12, "degradation": -0.5, "p_value": 0.034}
    table = metric_grid({}, {"total_return": 0.1, **beside})
    assert table is not None
    shown = {row[0].text: row[2].text for row in table.rows}
    assert shown == {
        "Total return": "10.00 %",
        "Deflated Sharpe ratio": "0.910",
        "Probability of overfitting": "0.120",
        "Slope of the degradation": "−0.500",
        "Probability of luck alone": "0.034",
    }
