"""Instruments: filters and brackets as ``exchangeInfo`` and ``leverageBracket`` serve them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.engines.common.money import ZERO, decimals_of
from trading.errors import DataError

QUOTES = ("USDT", "USDC", "BUSD")


@dataclass(frozen=True, slots=True)
class LeverageBracket:
    """One notional bracket: quote-currency ``floor`` < notional <= ``cap``."""

    number: int
    leverage: int
    floor: Decimal
    cap: Decimal
    ratio: Decimal
    cum: Decimal


@dataclass(frozen=True, slots=True)
class ExchangeInstrument:
    """Trading rules of one perpetual contract; prices in quote, quantities in base currency."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    min_price: Decimal
    max_price: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    market_max_quantity: Decimal
    min_notional: Decimal
    multiplier_up: Decimal
    multiplier_down: Decimal
    price_precision: int
    quantity_precision: int
    liquidation_fee: Decimal
    brackets: tuple[LeverageBracket, ...]
    onboard_ms: int = 1569398400000
    trigger_protect: str = "0.0500"
    market_take_bound: str = "0.05"
    max_orders: int = 200
    status: str = "TRADING"

    def accepts(self, *, reducing: bool) -> bool:
        """Whether the symbol's status allows an order."""
        return self.status == "TRADING" or (reducing and self.status == "REDUCE_ONLY")

    def bracket(self, notional: Decimal) -> LeverageBracket:
        """Return the bracket of an absolute ``notional``."""
        for bracket in self.brackets:
            if notional <= bracket.cap:
                return bracket
        return self.brackets[-1]

    def max_notional(self, leverage: int) -> Decimal:
        """Return the largest notional allowed at ``leverage``."""
        caps = [bracket.cap for bracket in self.brackets if bracket.leverage >= leverage]
        return max(caps, default=ZERO)

    def maintenance(self, notional: Decimal) -> Decimal:
        """Return the maintenance margin of an absolute ``notional``: notional × ratio − cum."""
        bracket = self.bracket(notional)
        return notional * bracket.ratio - bracket.cum


# The exchange's cap of a bracket without an end.
NO_CAP = Decimal(2**63 - 1)


def build_brackets(rows: Iterable[tuple[int, str, str]]) -> tuple[LeverageBracket, ...]:
    """Build brackets from (leverage, cap, ratio); each ``cum`` makes the margin continuous."""
    brackets: list[LeverageBracket] = []
    floor, previous_ratio, cum = ZERO, ZERO, ZERO
    for number, (leverage, cap_text, ratio_text) in enumerate(rows, start=1):
        cap, ratio = Decimal(cap_text), Decimal(ratio_text)
        cum += floor * (ratio - previous_ratio)
        brackets.append(LeverageBracket(number, leverage, floor, cap, ratio, cum))
        floor, previous_ratio = cap, ratio
    return tuple(brackets)


MAJOR_BRACKETS = build_brackets(
    [
        (125, "300000", "0.004"),
        (100, "800000", "0.005"),
        (75, "3000000", "0.0065"),
        (50, "12000000", "0.01"),
        (25, "70000000", "0.02"),
        (20, "100000000", "0.025"),
        (10, "230000000", "0.05"),
        (5, "480000000", "0.1"),
        (4, "600000000", "0.125"),
        (3, "800000000", "0.15"),
        (2, "1200000000", "0.25"),
        (1, "1800000000", "0.5"),
    ]
)
OTHER_BRACKETS = build_brackets(
    [
        (50, "50000", "0.01"),
        (25, "250000", "0.02"),
        (10, "1000000", "0.05"),
        (5, "2000000", "0.1"),
        (4, "2500000", "0.125"),
        (2, "5000000", "0.25"),
        (1, "10000000", "0.5"),
    ]
)


def _major(symbol: str, **rules: str) -> ExchangeInstrument:
    return ExchangeInstrument(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        tick=Decimal(rules["tick"]),
        min_price=Decimal(rules["min_price"]),
        max_price=Decimal(rules["max_price"]),
        step=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=Decimal(rules["max_quantity"]),
        market_max_quantity=Decimal(rules["market_max"]),
        min_notional=Decimal(rules["min_notional"]),
        multiplier_up=Decimal("1.0500"),
        multiplier_down=Decimal("0.9500"),
        price_precision=2,
        quantity_precision=3,
        liquidation_fee=Decimal("0.012500"),
        brackets=MAJOR_BRACKETS,
    )


BUILT_IN = {
    "BTCUSDT": _major(
        "BTCUSDT",
        tick="0.10",
        min_price="556.80",
        max_price="4529764",
        max_quantity="1000",
        market_max="120",
        min_notional="100",
    ),
    "ETHUSDT": _major(
        "ETHUSDT",
        tick="0.01",
        min_price="39.86",
        max_price="306177",
        max_quantity="10000",
        market_max="2000",
        min_notional="20",
    ),
}


def derive_instrument(
    symbol: str, prices: Sequence[float], volumes: Sequence[float]
) -> ExchangeInstrument:
    """Derive rules for a symbol that has none; tick and step are the finest in its candles."""
    quote = next((name for name in QUOTES if symbol.endswith(name)), "USDT")
    tick, step = _finest(prices), _finest(volumes)
    far = Decimal(repr(float(max(prices, default=0.0)))) * 1_000 // tick * tick
    return ExchangeInstrument(
        symbol=symbol,
        base=symbol.removesuffix(quote),
        quote=quote,
        tick=tick,
        min_price=tick,
        max_price=max(tick * 100_000_000, far),
        step=step,
        min_quantity=step,
        max_quantity=step * 10_000_000,
        market_max_quantity=step * 5_000_000,
        min_notional=Decimal(5),
        multiplier_up=Decimal("1.1500"),
        multiplier_down=Decimal("0.8500"),
        price_precision=decimals_of(tick),
        quantity_precision=decimals_of(step),
        liquidation_fee=Decimal("0.015000"),
        brackets=OTHER_BRACKETS,
    )


def _finest(values: Sequence[float]) -> Decimal:
    places = max((decimals_of(Decimal(repr(float(value)))) for value in values), default=0)
    return Decimal(1).scaleb(-min(places, 8))


def read_instruments(path: Path) -> dict[str, ExchangeInstrument]:
    """Read instruments from a JSON file in the format of ``exchangeInfo`` (``symbols``).

    ``leverageBrackets`` beside ``symbols`` holds the response of ``leverageBracket``. A symbol that
    is not in it gets the built-in brackets.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = document["symbols"]
        rows = entries.values() if isinstance(entries, Mapping) else entries
        listed = document.get("leverageBrackets", [])
        brackets = {entry["symbol"]: entry["brackets"] for entry in listed}
        found = (_from_exchange_info(row, brackets.get(row["symbol"])) for row in rows)
        return {instrument.symbol: instrument for instrument in found}
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise DataError(
            f"{path}: not an exchangeInfo file ({type(error).__name__}: {error}); "
            "give a JSON object with 'symbols', or no file to use the built-in rules"
        ) from error


def instruments_of(document: Mapping[str, Any]) -> dict[str, ExchangeInstrument]:
    """Return the perpetual contracts of an ``exchangeInfo`` response by symbol."""
    rows = [row for row in document["symbols"] if row.get("contractType") == "PERPETUAL"]
    return {str(row["symbol"]): _from_exchange_info(row, None) for row in rows}


def _from_exchange_info(row: Mapping[str, Any], brackets: Any) -> ExchangeInstrument:
    filters = {entry["filterType"]: entry for entry in row["filters"]}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    market = filters.get("MARKET_LOT_SIZE", lot)
    percent = filters.get("PERCENT_PRICE", {"multiplierUp": "1.15", "multiplierDown": "0.85"})
    symbol = str(row["symbol"])
    return ExchangeInstrument(
        symbol=symbol,
        base=str(row["baseAsset"]),
        quote=str(row["quoteAsset"]),
        tick=Decimal(price["tickSize"]),
        min_price=Decimal(price["minPrice"]),
        max_price=Decimal(price["maxPrice"]),
        step=Decimal(lot["stepSize"]),
        min_quantity=Decimal(lot["minQty"]),
        max_quantity=Decimal(lot["maxQty"]),
        market_max_quantity=Decimal(market["maxQty"]),
        min_notional=Decimal(str(filters.get("MIN_NOTIONAL", {}).get("notional", "5"))),
        multiplier_up=Decimal(percent["multiplierUp"]),
        multiplier_down=Decimal(percent["multiplierDown"]),
        price_precision=int(row["pricePrecision"]),
        quantity_precision=int(row["quantityPrecision"]),
        liquidation_fee=Decimal(str(row.get("liquidationFee", "0.0125"))),
        brackets=_read_brackets(brackets) or _default_brackets(symbol),
        onboard_ms=int(row.get("onboardDate", 1569398400000)),
    )


def _default_brackets(symbol: str) -> tuple[LeverageBracket, ...]:
    return MAJOR_BRACKETS if symbol in BUILT_IN else OTHER_BRACKETS


def _read_brackets(rows: Any) -> tuple[LeverageBracket, ...]:
    return tuple(
        LeverageBracket(
            int(row["bracket"]),
            int(row["initialLeverage"]),
            Decimal(str(row["notionalFloor"])),
            NO_CAP if row["notionalCap"] is None else Decimal(str(row["notionalCap"])),
            Decimal(str(row["maintMarginRatio"])),
            Decimal(str(row["cum"])),
        )
        for row in rows or ()
    )
