"""What the account did: headline, windows, and open positions with their stops."""

from __future__ import annotations

from typing import Any

import pytest

from flows.report import formats
from flows.report.charts.curves import Curve
from flows.report.sections.account import account_view, window
from flows.report.sections.execution import LedgerRows, execution_view
from trading.candles import DAY_MS, HOUR_MS

DAY = 20_000 * DAY_MS


def equity(*points: tuple[int, float]) -> list[dict[str, Any]]:
    return [{"time": time, "equity": value} for time, value in points]


def position(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "symbol": "BTCUSDT",
        "strategy": "breakout",
        "side": 1,
        "quantity": 0.5,
        "entry_price": 100.0,
        "opened_at": DAY,
        "closed_at": None,
    } | more


def stop(number: int, price: float, status: str = "placed", at: int = DAY) -> dict[str, Any]:
    return {
        "position_id": number,
        "symbol": "BTCUSDT",
        "leg": "sl",
        "status": status,
        "trigger_price": price,
        "created_at": at,
    }


def test_a_loss_is_the_headline() -> None:
    rows = LedgerRows(
        equity=equity((DAY, 10_000.0), (DAY + HOUR_MS, 9_972.3)), positions=[position(1)]
    )
    view = account_view(rows)
    assert view.headline == "Lost 27.70 USDT (−0.28 %)"
    assert view.tone == "bad"
    assert view.lead.endswith("from 10,000.00 USDT; 1 open position.")


def test_results_and_fees_of_two_currencies_are_shown_beside_each_other() -> None:
    closed = {"closed_at": DAY + HOUR_MS, "fees": 1.0}
    won = {"symbol": "KRW-BTC", "quote_asset": "KRW", "realized_pnl": 5_000.4, "fees": 300.0}
    positions = [
        *(position(n, **closed, quote_asset="USDT", realized_pnl=3.0) for n in range(10)),
        position(10, **closed, quote_asset="USDT", realized_pnl=-9.0),
        position(11, **closed | won),
    ]
    points = [{**row, "asset": "USDT"} for row in equity((DAY, 100.0), (DAY + HOUR_MS, 110.0))]
    rows = LedgerRows(equity=points, positions=positions)
    facts = {one.label: (one.value, one.note) for one in account_view(rows).facts}
    assert facts["Fees"] == ("11.00 USDT and 300 KRW", "")
    assert facts["Profit factor"][0] == "2.00", "20 over 10 USDT"
    shown = {one.label: (one.value, one.note) for one in execution_view(rows).facts}
    assert shown["Result"] == (
        "10.00 USDT and 4,700 KRW",
        "after fees of 11.00 USDT and 300 KRW",
    )


def test_the_result_of_one_currency_has_its_decimals() -> None:
    won = position(1, closed_at=DAY, symbol="KRW-BTC", realized_pnl=5_000.4, fees=300.0)
    shown = {one.label: one for one in execution_view(LedgerRows(positions=[won])).facts}
    assert (shown["Result"].value, shown["Result"].tone) == ("4,700", "good")
    assert shown["Result"].note == "after fees of 300"


def test_money_of_two_currencies_is_never_added_up() -> None:
    rows = [
        {"time": DAY + n * HOUR_MS, "asset": asset, "venue": venue, "equity": value}
        for asset, venue, values in (
            ("USDT", "usdm", (100.0, 110.0)),
            ("USDT", "spot", (50.0, 50.0)),
            ("KRW", "upbit", (1000.0, 900.0)),
        )
        for n, value in enumerate(values)
    ]
    view = account_view(LedgerRows(equity=rows))
    assert view.headline == "Made 10.00 USDT (+6.67 %)"
    facts = {one.label: (one.value, one.note) for one in view.facts}
    assert facts["Equity"] == ("160.00", "USDT")
    assert facts["Equity in KRW"] == ("900", "−10.00 %")


def test_today_counts_from_midnight_and_a_short_ledger_says_since_when() -> None:
    points = ((DAY - 2 * HOUR_MS, 100.0), (DAY - HOUR_MS, 110.0), (DAY + HOUR_MS, 121.0))
    facts = {one.label: one for one in account_view(LedgerRows(equity=equity(*points))).facts}
    assert (facts["Today"].value, facts["Today"].note) == ("+11.00", "+10.00 %")
    assert facts["7 days"].value == "+21.00"
    assert facts["7 days"].note == "+21.00 %, since 2024-10-03"


def test_a_window_compares_with_the_last_value_known_when_it_began() -> None:
    curve = Curve((0, 10, 20), (1.0, 2.0, 3.0))
    assert window("w", curve, 15).change == 1.0
    assert window("w", curve, 10).change == 1.0
    assert window("w", curve, -5).complete is False


def test_without_equity_nothing_is_claimed() -> None:
    view = account_view(LedgerRows(equity=equity((DAY, 100.0))))
    assert view.headline == "No trade yet"
    assert view.facts == ()


@pytest.mark.parametrize(
    ("symbol", "quote"),
    [("BTCUSDT", "USDT"), ("KRW-BTC", "KRW"), ("BTC/USDC", "USDC"), ("ETHBTC", "BTC"), ("X", "")],
)
def test_the_quote_currency_is_read_from_the_symbol(symbol: str, quote: str) -> None:
    assert formats.quote_of(symbol) == quote


def cells(rows: LedgerRows) -> list[str]:
    grid = account_view(rows).positions
    assert grid is not None
    return [cell.text for cell in grid.rows[0]]


def test_an_open_position_shows_its_newest_resting_stop_and_the_money_at_risk() -> None:
    orders = [stop(1, 98.0), stop(1, 99.0, at=DAY + 1), stop(1, 99.5, "cancelled", DAY + 2)]
    rows = LedgerRows(orders, (), [position(1)], (), equity((DAY, 10.0), (DAY + 1, 10.0)))
    assert cells(rows)[-2:] == ["99.0000 (−1.00 %)", "0.50 USDT"]


def test_an_open_position_without_a_stop_says_so() -> None:
    rows = LedgerRows((), (), [position(1)], (), equity((DAY, 10.0), (DAY + 1, 10.0)))
    assert cells(rows)[-2:] == ["✗ none", "everything"]


def test_a_stop_beyond_the_entry_risks_nothing() -> None:
    short = position(1, side=-1)
    rows = LedgerRows([stop(1, 98.0)], (), [short], (), equity((DAY, 10.0), (DAY + 1, 10.0)))
    assert cells(rows)[-1] == "nothing: locked in"
