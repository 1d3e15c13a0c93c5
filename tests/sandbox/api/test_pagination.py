"""Pagination of orders and trades: where a page begins, where it ends, what it contains."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from sandbox.api.pagination import page, trades
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.protocol.params import Params


class HistoryRow(NamedTuple):
    symbol: str
    trade_id: int
    order_id: int
    time: int


ROWS = [HistoryRow("BTCUSDT", 10 + i, 1 + i // 2, 1_000 * i) for i in range(6)]


def ids(rows: list[HistoryRow]) -> list[int]:
    return [row.trade_id for row in rows]


@pytest.mark.parametrize(
    ("query", "first", "found"),
    [
        ({}, None, [10, 11, 12, 13, 14, 15]),
        ({"limit": "2"}, None, [14, 15]),
        ({"limit": "2"}, 11, [11, 12]),
        ({"limit": "2", "startTime": "3000"}, None, [13, 14]),
        ({"startTime": "1000", "endTime": "3000"}, None, [11, 12, 13]),
        ({"limit": "1", "endTime": "3000"}, None, [13]),
        ({}, 16, []),
    ],
)
def test_page_begins_at_the_requested_row_and_otherwise_ends_with_the_newest(
    query: dict[str, str], first: int | None, found: list[int]
) -> None:
    assert ids(page(Params(query), ROWS, "trade_id", first)) == found


def test_trades_are_filtered_by_symbol_and_order() -> None:
    other = HistoryRow("ETHUSDT", 99, 2, 0)
    assert ids(trades(Params({"orderId": "2"}), [*ROWS, other], "BTCUSDT")) == [12, 13]
    assert ids(trades(Params({"fromId": "14"}), [*ROWS, other], "BTCUSDT")) == [14, 15]
    assert ids(trades(Params({}), [*ROWS, other], "ETHUSDT")) == [99]


def test_trades_by_both_id_and_time_are_refused() -> None:
    with pytest.raises(ExchangeError, match="-1128"):
        trades(Params({"fromId": "1", "endTime": "5"}), ROWS, "BTCUSDT")
