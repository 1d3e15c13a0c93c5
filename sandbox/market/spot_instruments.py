"""Spot rules: built in for the majors, from ``exchangeInfo``, or derived from candles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.engines.common.instruments import ExchangeInstrument, derive_instrument
from sandbox.engines.common.money import decimals_of
from sandbox.market.candles import Series
from trading.errors import DataError


def _rules(
    symbol: str, base: str, quote: str, tick: str, step: str, largest: str, market: str
) -> ExchangeInstrument:
    return ExchangeInstrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=Decimal(tick),
        min_price=Decimal(tick),
        max_price=Decimal(1_000_000),
        step=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(largest),
        market_max_quantity=Decimal(market),
        min_notional=Decimal(5),
        multiplier_up=Decimal(5),
        multiplier_down=Decimal("0.2"),
        price_precision=decimals_of(Decimal(tick)),
        quantity_precision=decimals_of(Decimal(step)),
        liquidation_fee=Decimal(0),
        brackets=(),
    )


BUILT_IN = {
    "BTCUSDT": _rules("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "9000", "150"),
    "ETHUSDT": _rules("ETHUSDT", "ETH", "USDT", "0.01", "0.0001", "9000", "2000"),
    "BNBUSDT": _rules("BNBUSDT", "BNB", "USDT", "0.01", "0.001", "900000", "10000"),
}


def read_spot_instruments(path: Path) -> dict[str, ExchangeInstrument]:
    """Read instruments from a JSON file in the format of spot's ``exchangeInfo``."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["symbols"]
        found = (_from_exchange_info(row) for row in rows)
        return {instrument.symbol: instrument for instrument in found}
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise DataError(
            f"{path}: not a spot exchangeInfo file ({type(error).__name__}: {error})"
        ) from error


def spot_instruments_of(document: Mapping[str, Any]) -> dict[str, ExchangeInstrument]:
    """Return the symbols of a spot ``exchangeInfo`` response."""
    return {str(row["symbol"]): _from_exchange_info(row) for row in document["symbols"]}


def _from_exchange_info(row: Mapping[str, Any]) -> ExchangeInstrument:
    filters = {entry["filterType"]: entry for entry in row["filters"]}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    market = filters.get("MARKET_LOT_SIZE", lot)
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {"minNotional": "5"}
    tick, step = Decimal(price["tickSize"]), Decimal(lot["stepSize"])
    return ExchangeInstrument(
        symbol=str(row["symbol"]),
        base=str(row["baseAsset"]),
        quote=str(row["quoteAsset"]),
        tick=tick,
        min_price=Decimal(price["minPrice"]),
        max_price=Decimal(price["maxPrice"]),
        step=step,
        min_quantity=Decimal(lot["minQty"]),
        max_quantity=Decimal(lot["maxQty"]),
        market_max_quantity=Decimal(market["maxQty"]) or Decimal(lot["maxQty"]),
        min_notional=Decimal(notional["minNotional"]),
        multiplier_up=Decimal(5),
        multiplier_down=Decimal("0.2"),
        price_precision=decimals_of(tick),
        quantity_precision=decimals_of(step),
        liquidation_fee=Decimal(0),
        brackets=(),
    )


def derive_spot_rules(series: Series) -> ExchangeInstrument:
    """Derive the rules of a symbol that has none from its recent candles."""
    recent = slice(-3000, None)
    prices = [*series.close[recent].tolist(), *series.open[recent].tolist()]
    return derive_instrument(series.symbol, prices, series.volume[recent].tolist())
