"""The notices of own orders and trades, `H0STCNI9` on the virtual-trading hosts."""

from __future__ import annotations

from sandbox.api.kis.access import PRODUCT
from sandbox.api.kis.order_json import odno
from sandbox.api.kis.socket.streams import NOTICE
from sandbox.api.kis.times import clock_text
from sandbox.engines.common.money import plain
from sandbox.engines.kis.engine import OrderForm
from sandbox.engines.spot.model import OrderReport

# CNTG_YN: an order, a correction, a cancel or a refusal; or a trade.
ORDERED, TRADED = "1", "2"
# ACPT_YN: accepted, confirmed, or cancelled because it did not trade at once.
ACCEPTED, CONFIRMED, DROPPED = "1", "2", "3"
# RCTF_CLS: a new order, a correction, a cancel.
NEW, CORRECTED, CANCELLED = "0", "1", "2"


def notice_event(
    report: OrderReport, form: OrderForm, number: str, customer: str
) -> dict[str, str]:
    """Return a notice as its columns, in the order of the exchange."""
    order, fill = report.order, report.fill
    ended = report.execution in ("CANCELED", "EXPIRED", "REPLACED")
    correction = CANCELLED if ended else CORRECTED if form.origin else NEW
    acceptance = ACCEPTED
    if ended:
        acceptance = DROPPED if order.tif in ("IOC", "FOK") else CONFIRMED
    return {
        "TR_ID": NOTICE,
        "CUST_ID": customer,
        "ACNT_NO": f"{number}{PRODUCT}",
        "ODER_NO": odno(order.order_id),
        "OODER_NO": odno(form.origin) if form.origin else "",
        "SELN_BYOV_CLS": "02" if order.buying else "01",
        "RCTF_CLS": correction,
        "ODER_KIND": form.division,
        "ODER_COND": {"IOC": "1", "FOK": "2"}.get(order.tif, "0"),
        "STCK_SHRN_ISCD": order.symbol,
        "CNTG_QTY": plain(fill.quantity if fill else order.remaining),
        "CNTG_UNPR": plain(fill.price if fill else order.price),
        "STCK_CNTG_HOUR": clock_text(report.time),
        "RFUS_YN": "0",
        "CNTG_YN": TRADED if fill else ORDERED,
        "ACPT_YN": acceptance,
        "BRNC_NO": "00950",
        "ODER_QTY": plain(order.quantity),
        "ACNT_NAME": order.account,
        "ORD_COND_PRC": plain(order.stop_price),
        "ORD_EXG_GB": "1",
        "POPUP_YN": "N",
        "FILLER": "",
        "CRDT_CLS": "10",
        "CRDT_LOAN_DATE": "",
        "CNTG_ISNM40": order.symbol,
        "ODER_PRC": plain(order.price),
    }
