"""REST handlers of an account's balances, positions, settings and history."""

from __future__ import annotations

from typing import Any

from sandbox.api.requests import KEY, SIGNED, Route, names
from sandbox.api.usdm import account_json
from sandbox.api.usdm.call import UsdmCall
from sandbox.api.usdm.market_json import bracket_json
from sandbox.engines.common import error_codes
from sandbox.engines.common.money import plain
from sandbox.engines.usdm.model import BOTH, UsdmPosition
from sandbox.market.clock import wall_ms
from trading.candles import WEEK_MS


def account_v2(call: UsdmCall) -> dict[str, Any]:
    """`GET /v2/account`."""
    return account_json.account_json(call.core, call.account, 2)


def account_v3(call: UsdmCall) -> dict[str, Any]:
    """`GET /v3/account`."""
    return account_json.account_json(call.core, call.account, 3)


def balance(call: UsdmCall) -> list[Any]:
    """`GET /v2/balance` and `/v3/balance`."""
    return [account_json.balance_json(call.core, call.account)]


def _positions(call: UsdmCall) -> list[UsdmPosition]:
    symbol = call.params.text("symbol")
    symbols = [call.core.market(symbol).instrument.symbol] if symbol else list(call.core.markets)
    return [position for name in symbols for position in call.account.positions_of(name)]


def position_risk_v3(call: UsdmCall) -> list[Any]:
    """`GET /v3/positionRisk`: positions that are open or have an open order."""
    ordered = {(o.symbol, o.position_side) for o in call.account.open_orders.values()}
    shown = [p for p in _positions(call) if p.amount or (p.symbol, p.side) in ordered]
    return [
        account_json.position_risk_json(call.core, call.account, position) for position in shown
    ]


def position_risk_v2(call: UsdmCall) -> list[Any]:
    """`GET /v2/positionRisk`: positions of every symbol."""
    return [
        account_json.position_risk_v2_json(call.core, call.account, p) for p in _positions(call)
    ]


def set_leverage(call: UsdmCall) -> dict[str, Any]:
    """`POST /leverage`."""
    symbol = call.params.symbol()
    leverage = call.params.integer("leverage")
    if leverage is None:
        raise error_codes.MISSING("leverage")
    position = call.exchange.engine.set_leverage(call.account, symbol, leverage)
    maximum = call.core.market(symbol).instrument.max_notional(leverage)
    return {
        "symbol": symbol,
        "leverage": position.leverage,
        "maxNotionalValue": plain(maximum),
    }


def set_margin_type(call: UsdmCall) -> dict[str, Any]:
    """`POST /marginType`."""
    kind = call.params.need("marginType")
    if kind not in ("ISOLATED", "CROSSED"):
        raise error_codes.BAD_VALUE("marginType")
    call.exchange.engine.set_margin_type(
        call.account, call.params.symbol(), isolated=kind == "ISOLATED"
    )
    return {"code": 200, "msg": "success"}


def get_position_mode(call: UsdmCall) -> dict[str, Any]:
    """`GET /positionSide/dual`."""
    return {"dualSidePosition": call.account.hedge}


def set_position_mode(call: UsdmCall) -> dict[str, Any]:
    """`POST /positionSide/dual`."""
    call.params.need("dualSidePosition")
    hedge = call.params.flag("dualSidePosition")
    call.exchange.engine.set_hedge_mode(call.account, hedge=hedge)
    return {"code": 200, "msg": "success"}


def multi_assets(call: UsdmCall) -> dict[str, Any]:
    """`GET /multiAssetsMargin`."""
    return {"multiAssetsMargin": call.account.multi_assets}


def set_multi_assets(call: UsdmCall) -> dict[str, Any]:
    """`POST /multiAssetsMargin`."""
    call.params.need("multiAssetsMargin")
    multi = call.params.flag("multiAssetsMargin")
    call.exchange.engine.set_multi_assets(call.account, multi=multi)
    return {"code": 200, "msg": "success"}


def move_margin(call: UsdmCall) -> dict[str, Any]:
    """`POST /positionMargin`: type 1 adds margin to an isolated position, 2 takes it away."""
    params = call.params
    symbol, kind = params.symbol(), params.need("type")
    if kind not in ("1", "2"):
        raise error_codes.BAD_VALUE("type")
    params.need("amount")
    amount = params.amount("amount")
    if amount <= 0:
        raise error_codes.MARGIN_NOT_POSITIVE()
    side = params.text("positionSide") or BOTH
    call.exchange.engine.move_margin(call.account, symbol, side, amount if kind == "1" else -amount)
    text = "Successfully modify position margin."
    return {"amount": float(amount), "code": 200, "msg": text, "type": int(kind)}


def margin_history(call: UsdmCall) -> list[Any]:
    """`GET /positionMargin/history`."""
    params, symbol = call.params, call.params.symbol()
    start, end = params.span()
    rows = [
        {
            "symbol": row.symbol,
            "type": 1 if row.amount > 0 else 2,
            "deltaType": "USER_ADJUST",
            "amount": plain(abs(row.amount)),
            "asset": "USDT",
            "time": row.time,
            "positionSide": row.position_side,
        }
        for row in call.account.margin_moves
        if row.symbol == symbol and (start or 0) <= row.time <= (end or row.time)
    ]
    kind = params.text("type")
    kept = [row for row in rows if kind in (None, str(row["type"]))]
    return kept[-params.limit(500, 1000) :]


def adl_quantile(call: UsdmCall) -> list[Any]:
    """`GET /adlQuantile`: the place of each position in the queue, lowest here."""
    held: dict[str, dict[str, int]] = {}
    for position in _positions(call):
        if position.amount:
            held.setdefault(position.symbol, {})[position.side] = 1
    return [{"symbol": symbol, "adlQuantile": sides} for symbol, sides in held.items()]


def account_config(call: UsdmCall) -> dict[str, Any]:
    """`GET /accountConfig`."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": call.account.hedge,
        "updateTime": 0,
        "multiAssetsMargin": call.account.multi_assets,
        "tradeGroupId": -1,
    }


def symbol_config(call: UsdmCall) -> list[Any]:
    """`GET /symbolConfig`."""
    return [
        {
            "symbol": position.symbol,
            "marginType": "ISOLATED" if position.isolated else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": position.leverage,
            "maxNotionalValue": plain(
                call.core.market(position.symbol).instrument.max_notional(position.leverage)
            ),
        }
        for position in _positions(call)
        if position.side == call.account.sides[0]
    ]


def leverage_bracket(call: UsdmCall) -> Any:
    """`GET /leverageBracket`."""
    return [bracket_json(feed.instrument) for feed in call.feeds()]


def commission_rate(call: UsdmCall) -> dict[str, Any]:
    """`GET /commissionRate`."""
    symbol = call.feed(call.params.symbol()).symbol
    return {
        "symbol": symbol,
        "makerCommissionRate": plain(call.core.fees.maker),
        "takerCommissionRate": plain(call.core.fees.taker),
    }


def income(call: UsdmCall) -> list[Any]:
    """`GET /income`."""
    params = call.params
    symbol, kind = params.text("symbol"), params.text("incomeType")
    end = params.integer("endTime") or call.exchange.now
    start = params.span()[0] or end - WEEK_MS
    found = [
        account_json.income_json(row)
        for row in call.account.incomes
        if start <= row.time <= end and symbol in (None, row.symbol) and kind in (None, row.kind)
    ]
    limit = params.limit(100, 1000)
    return found[:limit] if params.text("startTime") else found[-limit:]


def order_rate(call: UsdmCall) -> list[Any]:
    """`GET /rateLimit/order`."""
    return [row for row in call.exchange.limits.published() if row["rateLimitType"] == "ORDERS"]


def start_listen_key(call: UsdmCall) -> dict[str, Any]:
    """`POST /listenKey`: the active key, extended."""
    key = call.exchange.listen_keys.start(call.account.name, wall_ms())
    return {"listenKey": key}


def keep_listen_key(call: UsdmCall) -> dict[str, Any]:
    """`PUT /listenKey`."""
    if not call.exchange.listen_keys.keep(call.account.name, wall_ms()):
        raise error_codes.NO_LISTEN_KEY()
    return start_listen_key(call)


def stop_listen_key(call: UsdmCall) -> dict[str, Any]:
    """`DELETE /listenKey`: its user streams end."""
    key = call.exchange.listen_keys.stop(call.account.name)
    call.exchange.hub.end_user(key)
    return {}


ROUTES = {
    ("GET", "/fapi/v2/account"): Route(account_v2, SIGNED, 5, known=names("")),
    ("GET", "/fapi/v3/account"): Route(account_v3, SIGNED, 5, known=names("")),
    ("GET", "/fapi/v2/balance"): Route(balance, SIGNED, 5, known=names("")),
    ("GET", "/fapi/v3/balance"): Route(balance, SIGNED, 5, known=names("")),
    ("GET", "/fapi/v2/positionRisk"): Route(position_risk_v2, SIGNED, 5, known=names("symbol")),
    ("GET", "/fapi/v3/positionRisk"): Route(position_risk_v3, SIGNED, 5, known=names("symbol")),
    ("POST", "/fapi/v1/leverage"): Route(set_leverage, SIGNED, known=names("symbol leverage")),
    ("POST", "/fapi/v1/marginType"): Route(
        set_margin_type, SIGNED, known=names("symbol marginType")
    ),
    ("GET", "/fapi/v1/positionSide/dual"): Route(get_position_mode, SIGNED, 30, known=names("")),
    ("POST", "/fapi/v1/positionSide/dual"): Route(
        set_position_mode, SIGNED, known=names("dualSidePosition")
    ),
    ("GET", "/fapi/v1/multiAssetsMargin"): Route(multi_assets, SIGNED, 30, known=names("")),
    ("POST", "/fapi/v1/multiAssetsMargin"): Route(
        set_multi_assets, SIGNED, known=names("multiAssetsMargin")
    ),
    ("POST", "/fapi/v1/positionMargin"): Route(
        move_margin, SIGNED, known=names("symbol positionSide amount type")
    ),
    ("GET", "/fapi/v1/positionMargin/history"): Route(
        margin_history, SIGNED, known=names("symbol type startTime endTime limit")
    ),
    ("GET", "/fapi/v1/adlQuantile"): Route(adl_quantile, SIGNED, 5, known=names("symbol")),
    ("GET", "/fapi/v1/accountConfig"): Route(account_config, SIGNED, 5, known=names("")),
    ("GET", "/fapi/v1/symbolConfig"): Route(symbol_config, SIGNED, 5, known=names("symbol")),
    ("GET", "/fapi/v1/leverageBracket"): Route(leverage_bracket, SIGNED, known=names("symbol")),
    ("GET", "/fapi/v1/commissionRate"): Route(commission_rate, SIGNED, 20, known=names("symbol")),
    ("GET", "/fapi/v1/income"): Route(
        income, SIGNED, 30, known=names("symbol incomeType page startTime endTime limit")
    ),
    ("GET", "/fapi/v1/rateLimit/order"): Route(order_rate, SIGNED, known=names("")),
    ("POST", "/fapi/v1/listenKey"): Route(start_listen_key, KEY, known=names("listenKey")),
    ("PUT", "/fapi/v1/listenKey"): Route(keep_listen_key, KEY, known=names("listenKey")),
    ("DELETE", "/fapi/v1/listenKey"): Route(stop_listen_key, KEY, known=names("listenKey")),
}
