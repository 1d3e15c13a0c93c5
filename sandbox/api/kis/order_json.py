"""Orders and fills of KIS, in the exchange's field names."""

from __future__ import annotations

from typing import Any

from sandbox.api.kis.times import clock_text, date_text
from sandbox.engines.common.money import ZERO, plain
from sandbox.engines.kis.engine import OrderForm
from sandbox.engines.spot.model import SpotAccount, SpotOrder

Json = dict[str, Any]
ORGANISATION = "00950"
BRANCH = "06010"
DIVISIONS = {
    "00": "지정가", "01": "시장가", "03": "최유리지정가", "04": "최우선지정가", "11": "IOC지정가",
    "12": "FOK지정가", "13": "IOC시장가", "14": "FOK시장가", "15": "IOC최유리", "16": "FOK최유리",
    "22": "스톱지정가",
}  # fmt: skip


def odno(order_id: int) -> str:
    """Return the order number of an id: ten digits."""
    return f"{order_id:010d}"


def accepted_json(order: SpotOrder, time: int) -> Json:
    """Return `output` of an accepted order."""
    return {
        "KRX_FWDG_ORD_ORGNO": ORGANISATION,
        "ODNO": odno(order.order_id),
        "ORD_TMD": clock_text(time),
    }


def executed_json(order: SpotOrder, form: OrderForm) -> Json:
    """Return a row of `output1` of `inquire-daily-ccld`."""
    average = order.spent / order.filled if order.filled else ZERO
    ended = order.status in ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH")
    left = ZERO if ended else order.remaining
    return {
        "ord_dt": date_text(order.time),
        "ord_gno_brno": BRANCH,
        "odno": odno(order.order_id),
        "orgn_odno": odno(form.origin) if form.origin else "",
        "ord_dvsn_name": DIVISIONS[form.division],
        "sll_buy_dvsn_cd": "02" if order.buying else "01",
        "sll_buy_dvsn_cd_name": "현금매수" if order.buying else "현금매도",
        "pdno": order.symbol,
        "prdt_name": order.symbol,
        "ord_qty": plain(order.quantity),
        "ord_unpr": plain(order.price),
        "ord_tmd": clock_text(order.time),
        "tot_ccld_qty": plain(order.filled),
        "avg_prvs": f"{average:.4f}",
        "cncl_yn": "Y" if order.status == "CANCELED" else "N",
        "tot_ccld_amt": plain(order.spent),
        "loan_dt": "",
        "ordr_empno": "OpnAPI",
        "ord_dvsn_cd": form.division,
        "cnc_cfrm_qty": plain(order.remaining if ended else ZERO),
        "rmn_qty": plain(left),
        "rjct_qty": "0",
        "ccld_cndt_name": order.tif if order.tif in ("IOC", "FOK") else "없음",
        "infm_tmd": clock_text(order.update_time),
        "prdt_type_cd": "300",
        "excg_dvsn_cd": "02",
        "ord_orgno": ORGANISATION,
        "rsvn_ord_end_dt": "",
        "excg_id_dvsn_cd": "KRX",
        "stpm_cndt_pric": plain(order.stop_price),
        "stpm_efct_occr_dtmd": clock_text(order.working_time) if order.stop_price else "",
    }


def executed_sums(account: SpotAccount, orders: list[SpotOrder]) -> Json:
    """Return `output2` of `inquire-daily-ccld`."""
    ids = {order.order_id for order in orders}
    filled = sum((order.filled for order in orders), ZERO)
    spent = sum((order.spent for order in orders), ZERO)
    fees = sum((fill.fee for fill in account.fills if fill.order_id in ids), ZERO)
    return {
        "tot_ord_qty": plain(sum((order.quantity for order in orders), ZERO)),
        "tot_ccld_qty": plain(filled),
        "tot_ccld_amt": plain(spent),
        "prsm_tlex_smtl": plain(fees),
        "pchs_avg_pric": f"{spent / filled if filled else ZERO:.4f}",
    }
