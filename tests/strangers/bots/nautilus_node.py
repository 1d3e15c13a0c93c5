"""A nautilus_trader node that trades through a list of steps and reports what it saw as JSON."""

import json
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.config import InstrumentProviderConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import BookType, OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy

url, venue, report = sys.argv[1], sys.argv[2], Path(sys.argv[3])
secret = Path(sys.argv[4]).read_text() if len(sys.argv) > 4 else "sandbox"
ws = url.replace("http", "ws", 1)
futures = venue == "usdm"
SYMBOL = InstrumentId.from_str("BTCUSDT-PERP.BINANCE" if futures else "BTCUSDT.BINANCE")


class Steps(Strategy):
    """Rest, modify, cancel, take, protect, close; each step waits for the event of the last."""

    def __init__(self):
        super().__init__()
        self.seen = {"events": [], "prices": [], "deltas": 0, "bars": 0, "trades": 0}
        self.step = "start"

    def on_start(self):
        self.instrument = self.cache.instrument(SYMBOL)
        self.subscribe_quote_ticks(SYMBOL)
        self.subscribe_trade_ticks(SYMBOL)
        self.subscribe_order_book_deltas(SYMBOL, book_type=BookType.L2_MBP)
        self.subscribe_bars(BarType.from_str(f"{SYMBOL}-1-MINUTE-LAST-EXTERNAL"))
        self.clock.set_time_alert(
            "end", self.clock.utc_now() + timedelta(seconds=150), lambda _: self.finish("timeout")
        )

    def on_trade_tick(self, tick):
        self.seen["trades"] += 1

    def on_order_book_deltas(self, deltas):
        self.seen["deltas"] += 1

    def on_bar(self, bar):
        self.seen["bars"] += 1

    def on_quote_tick(self, tick):
        if len(self.seen["prices"]) < 100:
            self.seen["prices"].append(float(tick.bid_price))
        self.bid = tick.bid_price.as_decimal()
        if self.step == "start":
            self.step = "resting"
            self.order = self.order_factory.limit(
                SYMBOL,
                OrderSide.BUY,
                self.instrument.make_qty(Decimal("0.010")),
                self.instrument.make_price(self.bid * Decimal("0.97")),
                time_in_force=TimeInForce.GTD if futures else TimeInForce.GTC,
                expire_time=self.clock.utc_now() + timedelta(hours=1) if futures else None,
                post_only=not futures,
            )
            self.submit_order(self.order)

    def on_order_event(self, event):
        name = type(event).__name__
        self.seen["events"].append(name)
        if name in ("OrderRejected", "OrderDenied", "OrderModifyRejected", "OrderCancelRejected"):
            self.finish(str(event))
        if self.step == "resting" and name == "OrderAccepted":
            if futures:
                self.step = "modified"
                price = self.instrument.make_price(self.bid * Decimal("0.96"))
                self.modify_order(self.order, price=price)
            else:
                self.step = "cancelled"
                self.cancel_order(self.order)
        elif self.step == "modified" and name == "OrderUpdated":
            self.step = "cancelled"
            self.cancel_order(self.order)
        elif self.step == "cancelled" and name == "OrderCanceled":
            self.step = "entered"
            self.submit_order(
                self.order_factory.market(
                    SYMBOL, OrderSide.BUY, self.instrument.make_qty(Decimal("0.010"))
                )
            )
        elif self.step == "entered" and name == "OrderFilled":
            self.step = "protected"
            size = self.instrument.make_qty(Decimal("0.010") if futures else Decimal("0.009"))
            trigger = self.instrument.make_price(self.bid * Decimal("0.95"))
            if futures:
                self.order = self.order_factory.stop_market(
                    SYMBOL,
                    OrderSide.SELL,
                    size,
                    trigger,
                    reduce_only=True,
                    trigger_type=TriggerType.LAST_PRICE,
                )
            else:
                limit = self.instrument.make_price(self.bid * Decimal("0.94"))
                self.order = self.order_factory.stop_limit(
                    SYMBOL,
                    OrderSide.SELL,
                    size,
                    limit,
                    trigger,
                    trigger_type=TriggerType.LAST_PRICE,
                )
            self.submit_order(self.order)
        elif self.step == "protected" and name == "OrderAccepted":
            self.step = "unprotected"
            self.cancel_order(self.order)
        elif self.step == "unprotected" and name == "OrderCanceled":
            self.step = "closed"
            size = Decimal("0.010") if futures else Decimal("0.009")
            self.submit_order(
                self.order_factory.market(
                    SYMBOL, OrderSide.SELL, self.instrument.make_qty(size), reduce_only=futures
                )
            )
        elif self.step == "closed" and name == "OrderFilled":
            self.step = "watching"
            self.clock.set_time_alert(
                "done", self.clock.utc_now() + timedelta(seconds=3), lambda _: self.finish("done")
            )

    def finish(self, how):
        self.seen["end"] = how
        self.seen["step"] = self.step
        report.write_text(json.dumps(self.seen))


kind = BinanceAccountType.USDT_FUTURES if futures else BinanceAccountType.SPOT
hosts = {"api_key": "sandbox", "api_secret": secret, "account_type": kind, "base_url_http": url}
load = InstrumentProviderConfig(load_all=True)
root = f"{ws}/usdm" if futures else ws
config = TradingNodeConfig(
    trader_id=TraderId("STRANGER-001"),
    logging=LoggingConfig(log_level="INFO"),
    data_clients={
        BINANCE: BinanceDataClientConfig(**hosts, base_url_ws=root, instrument_provider=load)
    },
    exec_clients={
        BINANCE: BinanceExecClientConfig(
            **hosts,
            base_url_ws=f"{ws}/ws-fapi/v1" if futures else f"{ws}/ws-api/v3",
            base_url_ws_stream=f"{ws}/private" if futures else None,
            instrument_provider=load,
        )
    },
)
node = TradingNode(config=config)
node.trader.add_strategy(Steps())
node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
node.build()
node.run()
