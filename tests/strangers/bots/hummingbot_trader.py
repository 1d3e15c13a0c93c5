"""hummingbot's connectors, unmodified but for their hosts, on hummingbot's own clock.

Usage: hummingbot_trader.py URL VENUE REPORT. It rests a limit order and cancels it, buys and sells
at the market, stops, and writes what it saw as JSON.
"""

import asyncio
import json
import logging
import sys
from decimal import Decimal
from pathlib import Path

from hummingbot.connector.derivative.binance_perpetual import binance_perpetual_constants as usdm
from hummingbot.connector.derivative.binance_perpetual.binance_perpetual_derivative import (
    BinancePerpetualDerivative,
)
from hummingbot.connector.exchange.binance import binance_constants as spot
from hummingbot.connector.exchange.binance.binance_exchange import BinanceExchange
from hummingbot.core.clock import Clock
from hummingbot.core.clock_mode import ClockMode
from hummingbot.core.data_type.common import OrderType, PositionAction
from hummingbot.core.event.event_forwarder import EventForwarder
from hummingbot.core.event.events import MarketEvent

URL, VENUE, REPORT = sys.argv[1], sys.argv[2], Path(sys.argv[3])
WS = URL.replace("http", "ws", 1)
FUTURES = VENUE == "usdm"
PAIR = "BTC-USDT"
SECONDS = 120.0
EVENTS = (
    MarketEvent.BuyOrderCreated, MarketEvent.SellOrderCreated, MarketEvent.OrderFilled,
    MarketEvent.BuyOrderCompleted, MarketEvent.SellOrderCompleted, MarketEvent.OrderCancelled,
    MarketEvent.OrderFailure,
)  # fmt: skip

spot.REST_URL, spot.WSS_URL, spot.WSS_API_URL = f"{URL}/api/", f"{WS}/ws", f"{WS}/ws-api/v3"
usdm.PERPETUAL_BASE_URL, usdm.PERPETUAL_WS_URL = f"{URL}/fapi/", f"{WS}/"


class Trader:
    """One connector, and the events that it has sent."""

    def __init__(self):
        made = BinancePerpetualDerivative if FUTURES else BinanceExchange
        prefix = "binance_perpetual" if FUTURES else "binance"
        keys = {f"{prefix}_api_key": "sandbox", f"{prefix}_api_secret": "sandbox"}
        self.connector = made(**keys, trading_pairs=[PAIR])
        self.events = []
        self.forwarders = [EventForwarder(self.note) for _ in EVENTS]
        for kind, forwarder in zip(EVENTS, self.forwarders, strict=True):
            self.connector.add_listener(kind, forwarder)

    def note(self, event):
        self.events.append(event)

    def names(self, order_id):
        return [type(event).__name__ for event in self.events if event.order_id == order_id]

    async def wait_for(self, what, condition):
        async with asyncio.timeout(SECONDS):
            while not condition():
                if any(type(event).__name__ == "MarketOrderFailureEvent" for event in self.events):
                    raise RuntimeError(f"{what}: an order failed: {self.events}")
                await asyncio.sleep(0.1)

    async def trade(self):
        """Rest and cancel a limit order, then buy and sell at the market."""
        connector = self.connector
        await self.wait_for("readiness", lambda: connector.ready)
        opened, closed = {}, {}
        if FUTURES:
            opened = {"position_action": PositionAction.OPEN}
            closed = {"position_action": PositionAction.CLOSE}
            connector.set_leverage(PAIR, 5)
        bid, ask = connector.get_price(PAIR, False), connector.get_price(PAIR, True)
        begun = connector.get_balance("USDT")
        resting = connector.quantize_order_price(PAIR, bid * Decimal("0.97"))
        limit = connector.buy(PAIR, Decimal("0.010"), OrderType.LIMIT, resting, **opened)
        await self.wait_for("a resting order", lambda: "BuyOrderCreatedEvent" in self.names(limit))
        connector.cancel(PAIR, limit)
        await self.wait_for("its end", lambda: "OrderCancelledEvent" in self.names(limit))
        bought = connector.buy(PAIR, Decimal("0.010"), OrderType.MARKET, ask, **opened)
        await self.wait_for("a buy", lambda: "BuyOrderCompletedEvent" in self.names(bought))
        await self.wait_for("what was bought", self.holds)
        size = Decimal("0.010") if FUTURES else Decimal("0.00999")
        sold = connector.sell(PAIR, size, OrderType.MARKET, bid, **closed)
        await self.wait_for("a sale", lambda: "SellOrderCompletedEvent" in self.names(sold))
        rows = connector.get_order_book(PAIR).snapshot
        fills = [event for event in self.events if type(event).__name__ == "OrderFilledEvent"]
        return {
            "limit": self.names(limit),
            "bought": self.names(bought),
            "sold": self.names(sold),
            "fills": [[str(fill.amount), str(fill.price)] for fill in fills],
            "rows": [len(side) for side in rows],
            "spread": [str(bid), str(ask)],
            "begun": str(begun),
        }

    def holds(self):
        if FUTURES:
            return any(position.amount for position in self.connector.account_positions.values())
        return self.connector.get_balance("BTC") > 0


async def main():
    trader = Trader()
    with Clock(ClockMode.REALTIME) as clock:
        clock.add_iterator(trader.connector)
        ticking = asyncio.ensure_future(clock.run())
        seen = await trader.trade()
        ticking.cancel()
        await asyncio.wait([ticking])
    await trader.connector.stop_network()
    REPORT.write_text(json.dumps(seen))


logging.basicConfig(level=logging.INFO, force=True)
asyncio.run(main())
