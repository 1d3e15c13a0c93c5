"""One live trade, and the trade that the research code makes of the same entry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.candles import MINUTE_MS, CandleColumns
from trading.market.funding import FundingRates
from trading.research.evidence.parity import MadeFill, MadeTrade, funding_paid
from trading.simulation import Costs
from trading.simulation.account.simulation import (
    AccountFills,
    AccountLimits,
    AccountSettings,
    ExchangeProfile,
    SymbolFilters,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)
from trading.strategies.registry import get_strategy

Row = Mapping[str, Any]

BALANCE = 10_000.0
UNLIMITED = AccountLimits(max_exposure=100.0, daily_loss=1.0)
"""The limits of the account have let the live entry pass."""
STEP_OF_LEG = {"en": "", "d1": "add_first", "d2": "add_second"}
FINEST_STEP = 1e-8
PRICES_SEEN = 2_000
"""Candles from which the tick of prices is known."""


def live_trade(
    position: Row,
    fills: Sequence[Row],
    orders: Mapping[str, Row],
    candles: CandleColumns,
    funding: FundingRates,
) -> MadeTrade:
    """Return what the executor traded; the exchange's trades of one order are one fill.

    The ledger books no funding to positions: it follows from ``funding``.
    """
    side, reason = int(position["side"]), str(position.get("exit_reason") or "")
    parts: dict[str, list[Row]] = {}
    for fill in fills:
        parts.setdefault(fill["client_id"], []).append(fill)
    made = []
    for client_id, own in parts.items():
        order = orders.get(client_id, {})
        quantity = sum(float(fill["quantity"]) for fill in own)
        paid = sum(float(fill["quantity"]) * float(fill["price"]) for fill in own)
        into = (own[0]["side"] == "BUY") == (side > 0)
        step = STEP_OF_LEG.get(str(order.get("leg")), str(order.get("reason") or reason))
        time = _ms(own[0]["time"])
        made.append(MadeFill(time, step, quantity if into else -quantity, paid / quantity))
    fees = sum(float(fill.get("fee_quote") or 0.0) for fill in fills)
    owed = funding_paid(side, made, funding, _opens(candles))
    return MadeTrade(side, tuple(made), reason, fees, owed)


def replayed_trade(
    position: Row, live: MadeTrade, candles: CandleColumns, funding: FundingRates, fee_bps: float
) -> MadeTrade | None:
    """Return the trade of the research code from the entry's candle on; None if it makes none.

    It fills as the account simulation's profile `exchange` does, with the quantity of the live
    entry. ``candles`` have no hole.
    """
    bar_time, side = _ms(position["bar_time"]), int(position["side"])
    ticks = _decimals(candles.close[-PRICES_SEEN:].tolist())
    steps = _decimals(abs(fill.quantity) for fill in live.fills)
    strategy = get_strategy(position["strategy"])
    traded = TradedStrategy(strategy, position["symbol"], json.loads(position["params"]))
    account = AccountSettings(
        BALANCE, Costs(fee_bps), UNLIMITED, ExchangeProfile(int(position.get("leverage") or 1))
    )

    def first_trade(balance: float, step: float) -> list[MadeFill]:
        filters = {traded.symbol: SymbolFilters(step=step, tick=10.0**-ticks)}
        markets = SymbolMarkets({traded.symbol: candles}, filters)
        result = simulate_account(
            [traded], markets, replace(account, balance=balance), trade_from_ms=bar_time
        )
        assert result.fills is not None
        return _first_trade(result.fills)

    fills = first_trade(BALANCE, FINEST_STEP)
    if not fills or fills[0].time >= bar_time + 2 * MINUTE_MS:
        return None
    # An entry takes a share of the balance: the one that buys the live quantity.
    wanted = live.fills[0].quantity + 0.5 * 10.0**-steps
    fills = first_trade(BALANCE * wanted / fills[0].quantity, 10.0**-steps) or fills
    held = round(sum(fill.quantity for fill in fills), 9)
    fees = sum(abs(fill.quantity) * fill.price for fill in fills) * fee_bps / 10_000.0
    owed = funding_paid(side, fills, funding, _opens(candles))
    ended = fills[-1].step if held == 0 else ""
    return MadeTrade(side, tuple(fills), ended, fees, owed, float(candles.close[-1]))


def _first_trade(fills: AccountFills) -> list[MadeFill]:
    found: list[MadeFill] = []
    rows = zip(
        fills.time.tolist(),
        fills.reason.tolist(),
        fills.quantity.tolist(),
        fills.price.tolist(),
        strict=True,
    )
    for time, step, quantity, price in rows:
        found.append(MadeFill(int(time), str(step), quantity, price))
        if round(sum(fill.quantity for fill in found), 9) == 0:
            break
    return found


def _opens(candles: CandleColumns) -> dict[int, float]:
    return dict(zip(candles.open_time.tolist(), candles.open.tolist(), strict=True))


def _decimals(values: Iterable[float]) -> int:
    """Most decimal places that any of the values has."""
    exponents = (Decimal(f"{value:.10g}").normalize().as_tuple().exponent for value in values)
    return max((-int(exponent) for exponent in exponents), default=0) if values else 0


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
