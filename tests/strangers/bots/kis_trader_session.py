"""kis-trader, unmodified: its hosts are set, then it reads, orders, corrects, cancels and listens.

Usage: kis_trader_session.py URL FOLDER. It prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from kis_trader import KISClient
from kis_trader._internal import _endpoints

URL, FOLDER = sys.argv[1:]
_endpoints._BASE_URL_BY_ENVIRONMENT["paper"] = URL
_endpoints._WEBSOCKET_URL_BY_ENVIRONMENT["paper"] = URL.replace("http", "ws", 1)
STOCK = "005930"
SECONDS = 20.0


def wait_for(found: list[Any], count: int) -> None:
    deadline = time.monotonic() + SECONDS
    while len(found) < count and time.monotonic() < deadline:
        time.sleep(0.1)


def main() -> None:
    """Run the session."""
    kis = KISClient(
        app_key="sandbox", app_secret="sandbox", account="50000001-01", environment="paper",
        hts_id="sandbox", config_dir=FOLDER, token_cache_dir=FOLDER, requests_per_second=2,
    )  # fmt: skip
    stock = kis.domestic.stock(STOCK)
    notices: list[Any] = []
    trades: list[Any] = []
    live = kis.realtime()
    live.start()
    live.domestic.execution_notices.stock("sandbox", on=notices.append)
    live.domestic.stock(STOCK).trades(on=trades.append)
    quote, book = stock.quote(), stock.order_book()
    bought = stock.buy(quantity=2, client_order_id="one")
    resting = stock.buy(quantity=1, limit_price=55_000, client_order_id="two")
    kis.orders.modify("two", limit_price=54_000)
    kis.orders.cancel("two")
    wait_for(notices, 6)
    wait_for(trades, 1)
    portfolio = kis.account.domestic.portfolio()
    print(json.dumps({
        "price": str(quote.current_price),
        "levels": len(book.asks),
        "orders": [bought.order_id, resting.order_id],
        "held": {p.symbol: str(p.quantity) for p in portfolio.positions},
        "cash": str(portfolio.balance.settlement_cash_d2),
        "notices": len(notices),
        "trades": len(trades) > 0,
    }))  # fmt: skip
    live.stop()
    kis.close()


main()
