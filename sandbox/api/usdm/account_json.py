"""JSON of USDⓈ-M accounts, positions, balances and income, in the exchange's field names."""

from __future__ import annotations

from sandbox.api.market_json import Json
from sandbox.api.usdm.order_json import ASSET, price_text
from sandbox.engines.common.money import ZERO, money_text, plain
from sandbox.engines.usdm import margin
from sandbox.engines.usdm.events import AccountChanged
from sandbox.engines.usdm.model import Income, UsdmAccount, UsdmPosition
from sandbox.engines.usdm.state import UsdmCore


def account_update_event(event: AccountChanged) -> Json:
    """`ACCOUNT_UPDATE`."""
    positions = [
        {
            "s": position.symbol,
            "pa": plain(position.amount),
            "ep": price_text(position.entry_price),
            "bep": price_text(position.entry_price),
            "cr": plain(position.realised),
            "up": money_text(position.unrealised(mark)),
            "mt": "isolated" if position.isolated else "cross",
            "iw": money_text(position.isolated_wallet),
            "ps": position.side,
        }
        for position, mark in zip(event.positions, event.marks, strict=True)
    ]
    balance = {
        "a": ASSET,
        "wb": money_text(event.wallet),
        "cw": money_text(event.cross_wallet),
        "bc": plain(event.change),
    }
    funding_only = event.reason == "FUNDING_FEE" and not any(p.isolated for p in event.positions)
    body = {"m": event.reason, "B": [balance], "P": [] if funding_only else positions}
    return {"e": "ACCOUNT_UPDATE", "E": event.time, "T": event.time, "a": body}


def income_json(income: Income) -> Json:
    """Return a wallet change as `income` does."""
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": plain(income.amount),
        "asset": ASSET,
        "info": income.kind,
        "time": income.time,
        "tranId": income.transaction,
        "tradeId": str(income.trade_id) if income.trade_id else "",
    }


def position_risk_json(core: UsdmCore, account: UsdmAccount, position: UsdmPosition) -> Json:
    """Return a position as `v3/positionRisk` does."""
    mark = core.markets[position.symbol].mark
    amount = position.amount
    isolated_margin = position.isolated_wallet + margin.unrealised(core, position)
    initial, in_orders = margin.initial(core, position), margin.open_order_margin(account, position)
    return {
        "symbol": position.symbol,
        "positionSide": position.side,
        "positionAmt": plain(amount),
        "entryPrice": price_text(position.entry_price),
        "breakEvenPrice": price_text(position.entry_price),
        "markPrice": money_text(mark),
        "unRealizedProfit": money_text(margin.unrealised(core, position)),
        "liquidationPrice": price_text(margin.liquidation_price(core, account, position)),
        "isolatedMargin": money_text(isolated_margin if position.isolated else ZERO),
        "notional": money_text(amount * mark),
        "marginAsset": ASSET,
        "isolatedWallet": money_text(position.isolated_wallet),
        "initialMargin": money_text(initial + in_orders),
        "maintMargin": money_text(margin.maintenance(core, position)),
        "positionInitialMargin": money_text(initial),
        "openOrderInitialMargin": money_text(in_orders),
        "adl": 1 if amount else 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.update_time,
    }


def position_risk_v2_json(core: UsdmCore, account: UsdmAccount, position: UsdmPosition) -> Json:
    """Return a position as `v2/positionRisk` does, with leverage and margin type."""
    maximum = core.markets[position.symbol].instrument.max_notional(position.leverage)
    return {
        **position_risk_json(core, account, position),
        "leverage": str(position.leverage),
        "maxNotionalValue": plain(maximum),
        "marginType": "isolated" if position.isolated else "cross",
        "isAutoAddMargin": "false",
    }


def balance_json(core: UsdmCore, account: UsdmAccount) -> Json:
    """Return the USDT balance as `balance` does."""
    free = money_text(max(ZERO, margin.available(core, account)))
    return {
        "accountAlias": account.name,
        "asset": ASSET,
        "balance": money_text(account.wallet),
        "crossWalletBalance": money_text(account.cross_wallet),
        "crossUnPnl": money_text(margin.cross_profit(core, account)),
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "marginAvailable": True,
        "updateTime": core.now,
    }


def account_json(core: UsdmCore, account: UsdmAccount, version: int) -> Json:
    """Return the account as `v2/account` (all symbols) or `v3/account` (open positions) does."""
    held = [p for p in account.positions.values() if p.amount]
    profit = sum((margin.unrealised(core, p) for p in held), ZERO)
    maintenance = sum((margin.maintenance(core, p) for p in held), ZERO)
    in_positions = sum((margin.initial(core, p) for p in held), ZERO)
    in_orders = margin.open_order_margin(account)
    free = money_text(max(ZERO, margin.available(core, account)))
    totals = {
        "InitialMargin": in_positions + in_orders,
        "MaintMargin": maintenance,
        "WalletBalance": account.wallet,
        "UnrealizedProfit": profit,
        "MarginBalance": account.wallet + profit,
        "PositionInitialMargin": in_positions,
        "OpenOrderInitialMargin": in_orders,
        "CrossWalletBalance": account.cross_wallet,
        "CrossUnPnl": margin.cross_profit(core, account),
    }
    asset = {name[0].lower() + name[1:]: money_text(value) for name, value in totals.items()}
    shown = held
    if version == 2:
        shown = [p for symbol in core.markets for p in account.positions_of(symbol)]
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": account.multi_assets,
        "tradeGroupId": -1,
        **{f"total{name}": money_text(value) for name, value in totals.items()},
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "assets": [
            {
                "asset": ASSET,
                **asset,
                "availableBalance": free,
                "maxWithdrawAmount": free,
                "marginAvailable": True,
                "updateTime": core.now,
            }
        ],
        "positions": [_account_position(core, account, p, version) for p in shown],
    }


def _account_position(
    core: UsdmCore, account: UsdmAccount, position: UsdmPosition, version: int
) -> Json:
    risk = position_risk_json(core, account, position)
    same = ("symbol", "positionSide", "positionAmt", "notional", "isolatedWallet")
    margins = ("initialMargin", "maintMargin", "updateTime")
    shown = {name: risk[name] for name in (*same, "isolatedMargin", *margins)}
    shown["unrealizedProfit"] = risk["unRealizedProfit"]
    if version == 2:
        maximum = core.markets[position.symbol].instrument.max_notional(position.leverage)
        shown |= {
            "positionInitialMargin": risk["positionInitialMargin"],
            "openOrderInitialMargin": risk["openOrderInitialMargin"],
            "leverage": str(position.leverage),
            "isolated": position.isolated,
            "entryPrice": risk["entryPrice"],
            "breakEvenPrice": risk["breakEvenPrice"],
            "maxNotional": plain(maximum),
            "bidNotional": "0",
            "askNotional": "0",
        }
    return shown
