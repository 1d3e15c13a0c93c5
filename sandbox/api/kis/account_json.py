"""Holdings and cash of KIS, in the exchange's field names.

A trade is settled two trading days later: until then the deposit (D+0) does not contain it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.engines.common.money import ONE, ZERO, plain
from sandbox.engines.kis.calendar import TradingCalendar, day_of
from sandbox.engines.kis.engine import CURRENCY
from sandbox.engines.spot.model import SpotAccount, SpotFill
from sandbox.market.feed import SymbolFeed

Json = dict[str, Any]
PERCENT = 100


def cost_of(account: SpotAccount, symbol: str) -> Decimal:
    """Return what the shares that are held have cost; sold ones leave at the average price."""
    quantity = value = ZERO
    for fill in account.fills:
        if fill.symbol != symbol:
            continue
        if fill.side == "BUY":
            quantity, value = quantity + fill.quantity, value + fill.quantity * fill.price
        elif quantity:
            value -= value * min(fill.quantity, quantity) / quantity
            quantity = max(ZERO, quantity - fill.quantity)
    return value


def _sum(fills: Iterable[SpotFill], side: str) -> Decimal:
    return sum((fill.quantity for fill in fills if fill.side == side), ZERO)


def _value(fills: Iterable[SpotFill], side: str) -> Decimal:
    return sum((fill.quantity * fill.price for fill in fills if fill.side == side), ZERO)


def _net(fills: Iterable[SpotFill]) -> Decimal:
    """Return what trades bring in cash, fees deducted."""
    fills = list(fills)
    return _value(fills, "SELL") - _value(fills, "BUY") - sum((f.fee for f in fills), ZERO)


class Statement:
    """An account at a time, with the trades of the last two trading days."""

    def __init__(
        self,
        account: SpotAccount,
        feeds: dict[str, SymbolFeed],
        calendar: TradingCalendar,
        now: int,
    ) -> None:
        self._account, self._feeds = account, feeds
        days = calendar.last_days(now, 2)
        recent = [fill for fill in reversed(account.fills) if day_of(fill.time) in days]
        self.today = [fill for fill in recent if day_of(fill.time) == days[0]] if days else []
        self.before = [fill for fill in recent if fill not in self.today]
        self._calendar, self._now = calendar, now

    def holdings(self) -> list[Json]:
        """Return `output1` of `inquire-balance`: what is held, and what was sold today."""
        traded = {fill.symbol for fill in [*self.today, *self.before]}
        held = [s for s in self._feeds if self._account.totals[s] or s in traded]
        return [self._holding(symbol) for symbol in held]

    def _holding(self, symbol: str) -> Json:
        account, price = self._account, self._feeds[symbol].price
        quantity, cost = account.totals[symbol], cost_of(account, symbol)
        worth = quantity * price
        profit = worth - cost if cost else ZERO
        base = self._calendar.base(symbol, self._now) or price
        today = [fill for fill in self.today if fill.symbol == symbol]
        before = [fill for fill in self.before if fill.symbol == symbol]
        return {
            "pdno": symbol,
            "prdt_name": symbol,
            "trad_dvsn_name": "현금",
            "bfdy_buy_qty": plain(_sum(before, "BUY")),
            "bfdy_sll_qty": plain(_sum(before, "SELL")),
            "thdt_buyqty": plain(_sum(today, "BUY")),
            "thdt_sll_qty": plain(_sum(today, "SELL")),
            "hldg_qty": plain(quantity),
            "ord_psbl_qty": plain(account.free(symbol)),
            "pchs_avg_pric": f"{cost / quantity if quantity else ZERO:.4f}",
            "pchs_amt": _won(cost),
            "prpr": _won(price),
            "evlu_amt": _won(worth),
            "evlu_pfls_amt": _won(profit),
            "evlu_pfls_rt": f"{profit / cost * PERCENT if cost else ZERO:.2f}",
            "evlu_erng_rt": f"{profit / cost * PERCENT if cost else ZERO:.8f}",
            "loan_dt": "",
            "loan_amt": "0",
            "stln_slng_chgs": "0",
            "expd_dt": "",
            "fltt_rt": f"{(price - base) / base * PERCENT:.8f}",
            "bfdy_cprs_icdc": _won(price - base),
            "item_mgna_rt_name": "",
            "grta_rt_name": "",
            "sbst_pric": "0",
            "stck_loan_unpr": "0.0000",
        }

    def summary(self) -> Json:
        """Return the object in `output2` of `inquire-balance`."""
        account = self._account
        cash = account.totals[CURRENCY]
        held = [s for s in self._feeds if account.totals[s]]
        worth = sum((account.totals[s] * self._feeds[s].price for s in held), ZERO)
        cost = sum((cost_of(account, s) for s in held), ZERO)
        profit = sum(
            (account.totals[s] * self._feeds[s].price - c for s in held
             if (c := cost_of(account, s))), ZERO,
        )  # fmt: skip
        today, before = _net(self.today), _net(self.before)
        return {
            "dnca_tot_amt": _won(cash - today - before),
            "nxdy_excc_amt": _won(cash - today),
            "prvs_rcdl_excc_amt": _won(cash),
            "cma_evlu_amt": "0",
            "bfdy_buy_amt": _won(_value(self.before, "BUY")),
            "thdt_buy_amt": _won(_value(self.today, "BUY")),
            "nxdy_auto_rdpt_amt": "0",
            "bfdy_sll_amt": _won(_value(self.before, "SELL")),
            "thdt_sll_amt": _won(_value(self.today, "SELL")),
            "d2_auto_rdpt_amt": "0",
            "bfdy_tlex_amt": _won(sum((f.fee for f in self.before), ZERO)),
            "thdt_tlex_amt": _won(sum((f.fee for f in self.today), ZERO)),
            "tot_loan_amt": "0",
            "scts_evlu_amt": _won(worth),
            "tot_evlu_amt": _won(worth + cash),
            "nass_amt": _won(worth + cash),
            "fncg_gld_auto_rdpt_yn": "N",
            "pchs_amt_smtl_amt": _won(cost),
            "evlu_amt_smtl_amt": _won(worth),
            "evlu_pfls_smtl_amt": _won(profit),
            "tot_stln_slng_chgs": "0",
            "bfdy_tot_asst_evlu_amt": "0",
            "asst_icdc_amt": "0",
            "asst_icdc_erng_rt": "0.00000000",
        }


def buyable_json(account: SpotAccount, price: Decimal, rate: Decimal) -> Json:
    """Return `output` of `inquire-psbl-order` at a price, commission included."""
    cash = account.free(CURRENCY)
    amount = cash / (1 + rate) // 1
    quantity = plain(cash // (price * (1 + rate))) if price else "0"
    return {
        "ord_psbl_cash": _won(cash),
        "ord_psbl_sbst": "0",
        "ruse_psbl_amt": "0",
        "fund_rpch_chgs": "0",
        "psbl_qty_calc_unpr": _won(price),
        "nrcvb_buy_amt": _won(amount),
        "nrcvb_buy_qty": quantity,
        "max_buy_amt": _won(amount),
        "max_buy_qty": quantity,
        "cma_evlu_amt": "0",
        "ovrs_re_use_amt_wcrc": "0",
        "ord_psbl_frcr_amt_wcrc": "0",
    }


def _won(amount: Decimal) -> str:
    """Format an amount in whole won, rounded down."""
    return plain(amount // ONE)
