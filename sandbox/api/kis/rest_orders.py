"""REST handlers of KIS orders, executions and balances, on the virtual-trading hosts."""

from __future__ import annotations

from decimal import Decimal

from sandbox.api.kis import account_json, order_json
from sandbox.api.kis.account_json import Statement
from sandbox.api.kis.call import Json, KisCall, done, serving
from sandbox.api.kis.times import date_text
from sandbox.engines.common.money import ZERO
from sandbox.engines.kis.engine import OrderForm
from sandbox.engines.kis.rejections import KisError, nothing_left, refused
from sandbox.engines.spot.model import SpotOrder, SpotOrderRequest
from sandbox.protocol.params import whole

TRADING = "/uapi/domestic-stock/v1/trading"
BUYS, SELLS = ("VTTC0012U", "VTTC0802U"), ("VTTC0011U", "VTTC0801U")
CHANGES = ("VTTC0013U", "VTTC0803U")
TIMES = {"11": "IOC", "12": "FOK", "13": "IOC", "14": "FOK", "15": "IOC", "16": "FOK"}
LIMITED, MARKET = ("00", "11", "12", "22"), ("01", "13", "14")
# The limit of these is the best price of the other side, and of their own.
OPPOSITE, OWN, STOP = ("03", "15", "16"), "04", "22"
HOLDINGS, EXECUTIONS = 20, 15
SIDES = {"01": "SELL", "02": "BUY"}
CORRECT, CANCEL = "01", "02"


def _request(
    call: KisCall, symbol: str, side: str, division: str, quantity: Decimal
) -> SpotOrderRequest:
    """Return the order of an ORD_DVSN; its price is the sent one, or a best price."""
    market = call.core.market(symbol)
    price = ZERO
    if division in LIMITED:
        price = call.amount("ORD_UNPR")
        if not price:
            raise refused("주문단가 오류")
    elif division in OPPOSITE:
        price = market.best(side)
    elif division == OWN:
        price = market.bid if side == "BUY" else market.ask
    elif division not in MARKET:
        raise refused("주문구분 오류")
    kind = "STOP_LOSS_LIMIT" if division == STOP else "LIMIT" if price else "MARKET"
    return SpotOrderRequest(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=quantity,
        price=price,
        stop_price=call.amount("CNDT_PRIC") if division == STOP else ZERO,
        tif=TIMES.get(division, "GTC"),
        prevention="NONE",
    )


def place(call: KisCall) -> Json:
    """`order-cash`: a cash order of today."""
    call.check_number()
    _check_hash(call)
    if (call.params.text("EXCG_ID_DVSN_CD") or "KRX") != "KRX":
        raise refused("거래소구분 오류")
    feed, side = call.stock("PDNO"), "BUY" if call.transaction in BUYS else "SELL"
    division = call.need("ORD_DVSN")
    request = _request(call, feed.symbol, side, division, call.amount("ORD_QTY"))
    order = call.engine.place(call.account, request, OrderForm(division))
    word = "매수" if side == "BUY" else "매도"
    output = order_json.accepted_json(order, call.exchange.now)
    return done(f"모의투자 {word}주문이 완료 되었습니다.", "40600000", output=output)


def _check_hash(call: KisCall) -> None:
    """Check the hash key of an order, if it has one."""
    given = call.hash_key
    if given and given != call.kis.access.hash_of_account(call.account.name, call.body):
        raise KisError("EGW00002", "서버 에러가 발생했습니다.", 500)


def _find(call: KisCall) -> SpotOrder:
    number = whole(call.need("ORGN_ODNO"))
    found = None if number is None else call.account.orders.get(number)
    if found is None:
        raise nothing_left()
    return found


def change(call: KisCall) -> Json:
    """`order-rvsecncl`: correct price and kind of an order, or cancel it, wholly or in part."""
    call.check_number()
    _check_hash(call)
    order, engine = _find(call), call.engine
    everything = call.need("QTY_ALL_ORD_YN") == "Y"
    quantity = order.remaining if everything else call.amount("ORD_QTY")
    what = call.need("RVSE_CNCL_DVSN_CD")
    if what == CANCEL:
        engine.cancel_part(call.account, order, quantity)
        output = order_json.accepted_json(order, call.exchange.now)
        return done("모의투자 취소주문이 완료 되었습니다.", "40630000", output=output)
    if what != CORRECT:
        raise KisError("OPSQ2002", "ERROR INPUT FIELD [RVSE_CNCL_DVSN_CD]", rt_cd="2")
    division = call.need("ORD_DVSN")
    request = _request(call, order.symbol, order.side, division, quantity)
    new = engine.amend(call.account, order, request, division)
    output = order_json.accepted_json(new, call.exchange.now)
    return done("모의투자 정정주문이 완료 되었습니다.", "40620000", output=output)


def balance(call: KisCall) -> Json:
    """`inquire-balance`: holdings by page, and the sums of the account."""
    call.check_number()
    statement = _statement(call)
    rows = call.paged(statement.holdings(), HOLDINGS)
    return done(output1=rows, output2=[statement.summary()], **call.context())


def _statement(call: KisCall) -> Statement:
    exchange = call.exchange
    return Statement(call.account, dict(exchange.feeds), call.engine.calendar, exchange.now)


def buyable(call: KisCall) -> Json:
    """`inquire-psbl-order`: what an order may cost; without a price, at the day's upper limit."""
    call.check_number()
    price = call.amount("ORD_UNPR") if call.params.text("ORD_UNPR") else ZERO
    if call.params.text("PDNO"):
        feed = call.stock("PDNO")
        if call.need("ORD_DVSN") in MARKET or not price:
            price = call.core.market(feed.symbol).instrument.max_price
    return done(output=account_json.buyable_json(call.account, price, call.core.fees.taker))


def executions(call: KisCall) -> Json:
    """`inquire-daily-ccld`: orders of a span of days, with what they traded."""
    call.check_number()
    first, last = call.need("INQR_STRT_DT"), call.need("INQR_END_DT")
    side, kind = SIDES.get(call.params.text("SLL_BUY_DVSN_CD") or ""), call.params.text("CCLD_DVSN")
    symbol, number = call.params.text("PDNO"), call.params.text("ODNO")
    found = [
        order
        for order in call.account.orders.values()
        if first <= date_text(order.time) <= last
        and side in (None, order.side)
        and symbol in (None, order.symbol)
        and (number is None or order_json.odno(order.order_id) == number.zfill(10))
        and not (kind == "01" and not order.filled)
        and not (kind == "02" and not order.open)
    ]
    if call.params.text("INQR_DVSN") != "01":
        found.reverse()
    forms = call.engine.kis.forms
    rows = [order_json.executed_json(order, forms[order.order_id]) for order in found]
    page = call.paged(rows, EXECUTIONS)
    sums = order_json.executed_sums(call.account, found)
    return done(output1=page, output2=sums, **call.context())


ROUTES = {
    ("POST", f"{TRADING}/order-cash"): serving(place, *BUYS, *SELLS, order=True),
    ("POST", f"{TRADING}/order-rvsecncl"): serving(change, *CHANGES),
    ("GET", f"{TRADING}/inquire-balance"): serving(balance, "VTTC8434R"),
    ("GET", f"{TRADING}/inquire-psbl-order"): serving(buyable, "VTTC8908R"),
    ("GET", f"{TRADING}/inquire-daily-ccld"): serving(
        executions, "VTTC0081R", "VTTC8001R", "VTSC9215R", "VTSC9115R"
    ),
}
