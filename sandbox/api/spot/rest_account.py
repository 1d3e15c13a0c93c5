"""REST handlers of spot balances, fees, history and dust."""

from __future__ import annotations

from typing import Any

from sandbox.api.pagination import trades
from sandbox.api.requests import SIGNED, Route, names
from sandbox.api.rest_market import nothing
from sandbox.api.spot import account_json
from sandbox.api.spot.call import SpotCall
from sandbox.api.spot.rest_market import coins
from sandbox.engines.common import error_codes
from sandbox.engines.common.money import ZERO, money_text, plain
from sandbox.engines.spot.engine import DUST_CHARGE


def account(call: SpotCall) -> dict[str, Any]:
    """`GET /account`."""
    omit = call.params.flag("omitZeroBalances")
    return account_json.account_json(call.core, call.account, omit_zero=omit)


def commission(call: SpotCall) -> dict[str, Any]:
    """`GET /account/commission`."""
    symbol = call.feed(call.params.symbol()).symbol
    return account_json.commission_json(call.core, call.account, symbol)


def trade_fee(call: SpotCall) -> list[Any]:
    """`GET /sapi/v1/asset/tradeFee`."""
    fees = call.core.fees
    return [
        {
            "symbol": feed.symbol,
            "makerCommission": plain(fees.maker),
            "takerCommission": plain(fees.taker),
        }
        for feed in call.feeds()
    ]


def my_trades(call: SpotCall) -> list[Any]:
    """`GET /myTrades`: allocations are no trades."""
    symbol = call.feed(call.params.symbol()).symbol
    mine = [fill for fill in call.account.fills if fill.allocation < 0]
    found = trades(call.params, mine, symbol)
    return [account_json.trade_json(fill) for fill in found]


def order_rate(call: SpotCall) -> list[Any]:
    """`GET /rateLimit/order`."""
    rows = call.exchange.limits.counted("", call.account.name)
    return [row for row in rows if row["rateLimitType"] == "ORDERS"]


def dust_candidates(call: SpotCall) -> dict[str, Any]:
    """`POST /sapi/v1/asset/dust-btc`: the assets that can be converted, and their value."""
    engine, mine = call.exchange.engine, call.account
    bnb, btc = engine.value("BNB"), engine.value("BTC")
    details, total = [], ZERO
    for asset in engine.dust(mine):
        amount = mine.free(asset)
        worth = amount * engine.value(asset)
        total += worth
        details.append(
            {
                "asset": asset,
                "assetFullName": asset,
                "amountFree": money_text(amount),
                "toBTC": money_text(worth / btc if btc else ZERO),
                "toBNB": money_text(worth / bnb),
                "toBNBOffExchange": money_text(worth / bnb * (1 - DUST_CHARGE)),
                "exchange": money_text(worth / bnb * DUST_CHARGE),
            }
        )
    return {
        "details": details,
        "totalTransferBtc": money_text(total / btc if btc else ZERO),
        "totalTransferBNB": money_text(total / bnb),
        "dribbletPercentage": plain(DUST_CHARGE),
    }


def convert_dust(call: SpotCall) -> dict[str, Any]:
    """`POST /sapi/v1/asset/dust`: convert assets; ``asset`` is sent once for each."""
    assets = list(dict.fromkeys(call.many("asset")))
    if not assets:
        raise error_codes.MISSING("asset")
    rows = call.exchange.engine.convert_dust(call.account, assets)
    return {
        "totalServiceCharge": money_text(sum((charge for *_, charge in rows), ZERO)),
        "totalTransfered": money_text(sum((bnb for _, _, bnb, _ in rows), ZERO)),
        "transferResult": [
            {
                "amount": money_text(amount),
                "fromAsset": asset,
                "operateTime": call.exchange.now,
                "serviceChargeAmount": money_text(charge),
                "tranId": call.core.last_reference,
                "transferedAmount": money_text(bnb),
            }
            for asset, amount, bnb, charge in rows
        ],
    }


def burn_state(call: SpotCall) -> dict[str, Any]:
    """`GET /sapi/v1/bnbBurn`: whether fees are paid in BNB; interest is not charged here."""
    return {"spotBNBBurn": call.account.burn, "interestBNBBurn": False}


def set_burn(call: SpotCall) -> dict[str, Any]:
    """`POST /sapi/v1/bnbBurn`."""
    if call.params.text("spotBNBBurn") is not None:
        call.account.burn = call.params.flag("spotBNBBurn")
    return burn_state(call)


def restrictions(call: SpotCall) -> dict[str, Any]:
    """`GET /sapi/v1/account/apiRestrictions`."""
    del call
    return {
        "ipRestrict": False,
        "createTime": 1700000000000,
        "enableReading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": True,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableSpotAndMarginTrading": True,
    }


ROUTES = {
    ("GET", "/api/v3/account"): Route(account, SIGNED, 20, known=names("omitZeroBalances")),
    ("GET", "/api/v3/account/commission"): Route(commission, SIGNED, 20, known=names("symbol")),
    ("GET", "/api/v3/myTrades"): Route(
        my_trades, SIGNED, 20, known=names("symbol orderId fromId startTime endTime limit")
    ),
    ("GET", "/api/v3/rateLimit/order"): Route(order_rate, SIGNED, 40, known=names("")),
    ("GET", "/sapi/v1/bnbBurn"): Route(burn_state, SIGNED, known=names("")),
    ("POST", "/sapi/v1/bnbBurn"): Route(
        set_burn, SIGNED, known=names("spotBNBBurn interestBNBBurn")
    ),
    ("GET", "/sapi/v1/asset/tradeFee"): Route(trade_fee, SIGNED, known=names("symbol")),
    ("POST", "/sapi/v1/asset/dust-btc"): Route(dust_candidates, SIGNED, known=names("accountType")),
    ("POST", "/sapi/v1/asset/dust"): Route(
        convert_dust, SIGNED, 10, known=names("asset accountType")
    ),
    ("GET", "/sapi/v1/capital/config/getall"): Route(coins, SIGNED, 10, known=names("")),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route(restrictions, SIGNED, known=names("")),
    ("GET", "/sapi/v1/margin/allPairs"): Route(nothing, known=names("")),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(nothing, known=names("")),
}
