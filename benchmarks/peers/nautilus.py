"""The event engine of nautilus_trader on the breakout rule; `_peers.py` runs it.

It reads ``candles.npz`` and ``settings.json`` from a folder and prints one JSON object. The rule:
buy when a close crosses today's open + k x yesterday's range, with the whole balance; leave by a
stop or a limit at a share of the entry price, or at the close of the UTC day's last candle. Market
orders fill at the close that decided them, which is as near to the next open as bars allow.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nautilus_trader import __version__
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

MINUTE_MS = 60_000  # trading.candles is not importable in the interpreter of the peers
MINUTE_NS = 60_000_000_000
DAY_NS = 86_400_000_000_000
START = 1_000_000.0
VENUE = Venue("SIM")
BARS = BarType.from_str("BTCUSDT.SIM-1-MINUTE-LAST-EXTERNAL")


class BreakoutConfig(StrategyConfig, frozen=True):  # type: ignore[misc, call-arg]
    """Parameters of the rule, and the fee that the size leaves room for."""

    k: float
    take_profit: float
    stop_loss: float
    fee: float


class PeerBreakout(Strategy):  # type: ignore[misc]
    """The rule of the module's docstring."""

    def __init__(self, config: BreakoutConfig) -> None:
        super().__init__(config)
        self.day, self.high, self.low = -2, 0.0, 0.0
        self.whole = False  # whether the day was seen from its first minute on
        self.target = self.last = float("nan")
        self.instrument: Any = None

    def on_start(self) -> None:
        """Ask for the bars."""
        self.instrument = self.cache.instrument(BARS.instrument_id)
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        """Evaluate a closed bar."""
        first, high, low, close = float(bar.open), float(bar.high), float(bar.low), float(bar.close)
        day = (bar.ts_event - 1) // DAY_NS
        if day != self.day:
            known = self.whole and day == self.day + 1
            self.whole = self.day > 0 or (bar.ts_event - MINUTE_NS) % DAY_NS == 0
            self.target = first + (self.high - self.low) * self.config.k if known else float("nan")
            self.day, self.high, self.low = day, high, low
        else:
            self.high, self.low = max(self.high, high), min(self.low, low)
        crossed = close > self.target and not self.last > self.target
        self.last = close
        if bar.ts_event % DAY_NS == 0:
            if not self.portfolio.is_flat(BARS.instrument_id):
                self.cancel_all_orders(BARS.instrument_id)
                self.close_all_positions(BARS.instrument_id)
        elif crossed and self.portfolio.is_flat(BARS.instrument_id):
            self.buy(close)

    def buy(self, price: float) -> None:
        """Buy with the whole balance."""
        balance = self.portfolio.account(VENUE).balance_total(USDT).as_double()
        size = self.instrument.make_qty(balance / (price * (1.0 + self.config.fee)))
        order = self.order_factory.market(BARS.instrument_id, OrderSide.BUY, size)
        self.submit_order(order)

    def on_position_opened(self, event: Any) -> None:
        """Rest a stop and a limit around the entry."""
        entry, size = event.avg_px_open, event.quantity
        stop = self.instrument.make_price(entry * (1.0 - self.config.stop_loss))
        limit = self.instrument.make_price(entry * (1.0 + self.config.take_profit))
        instrument, sell, factory = BARS.instrument_id, OrderSide.SELL, self.order_factory
        self.submit_order(factory.stop_market(instrument, sell, size, stop, reduce_only=True))
        self.submit_order(factory.limit(instrument, sell, size, limit, reduce_only=True))

    def on_position_closed(self, event: Any) -> None:
        """Cancel the orders that still rest."""
        del event
        self.cancel_all_orders(BARS.instrument_id)


def the_instrument(fee: float) -> CryptoPerpetual:
    """Return a perpetual with prices and sizes fine enough not to round the rule."""
    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol("BTCUSDT"), VENUE),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=4,
        price_increment=Price.from_str("0.0001"),
        size_precision=6,
        size_increment=Quantity.from_str("0.000001"),
        margin_init=Decimal("0.01"),
        margin_maint=Decimal("0.005"),
        maker_fee=Decimal(str(fee)),
        taker_fee=Decimal(str(fee)),
        ts_event=0,
        ts_init=0,
    )


def the_bars(folder: Path, instrument: CryptoPerpetual) -> list[Bar]:
    """Return the candles as bars, stamped with their close."""
    columns = np.load(folder / "candles.npz")
    closed = pd.to_datetime(columns["open_time"] + MINUTE_MS, unit="ms", utc=True)
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: columns[name] for name in names}, index=closed)
    return BarDataWrangler(BARS, instrument).process(frame)  # type: ignore[no-any-return]


def main() -> None:
    """Run once and print the result."""
    folder = Path(sys.argv[1])
    settings = json.loads((folder / "settings.json").read_text())
    instrument = the_instrument(settings["fee"])
    bars = the_bars(folder, instrument)
    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    )
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USDT,
        starting_balances=[Money(START, USDT)],
    )
    engine.add_instrument(instrument)
    engine.add_data(bars)
    engine.add_strategy(PeerBreakout(BreakoutConfig(**settings)))
    started, begun = time.perf_counter(), time.process_time()
    engine.run()
    seconds, used = time.perf_counter() - started, time.process_time() - begun
    positions = engine.cache.position_snapshots() + engine.cache.positions()
    closed = [position for position in positions if position.is_closed]
    balance = engine.portfolio.account(VENUE).balance_total(USDT).as_double()
    document = {
        "version": __version__,
        "bars": len(bars),
        "seconds": seconds,
        "processor_seconds": used,
        "trades": len(closed),
        "total_return": balance / START - 1.0,
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
