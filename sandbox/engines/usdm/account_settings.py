"""Account settings: leverage, margin type, position mode."""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common import error_codes
from sandbox.engines.common.money import ZERO
from sandbox.engines.usdm import margin
from sandbox.engines.usdm.events import ConfigChanged, ModeChanged
from sandbox.engines.usdm.model import MarginMove, UsdmAccount, UsdmPosition
from sandbox.engines.usdm.state import UsdmCore


def set_leverage(core: UsdmCore, account: UsdmAccount, symbol: str, leverage: int) -> None:
    """Change the leverage of ``symbol``; the margin of an open position must allow it."""
    market = core.market(symbol)
    positions = account.positions_of(symbol)
    if not 1 <= leverage <= market.instrument.brackets[0].leverage:
        raise error_codes.BAD_LEVERAGE(leverage)
    held = [position for position in positions if position.amount]
    if any(position.isolated and leverage < position.leverage for position in held):
        raise error_codes.LEVERAGE_ISOLATED()
    more = ZERO
    for position in held:
        size = margin.notional(core, position)
        if size > market.instrument.max_notional(leverage):
            raise error_codes.OVER_POSITION()
        more += size / leverage - size / position.leverage
    if held and more > margin.available(core, account):
        raise error_codes.LEVERAGE_NEEDS_MARGIN()
    for position in positions:
        position.leverage = leverage
    core.events.append(ConfigChanged(account.name, core.now, symbol, leverage))


def set_margin_type(core: UsdmCore, account: UsdmAccount, symbol: str, *, isolated: bool) -> None:
    """Change between cross and isolated margin while flat and without orders."""
    core.market(symbol)
    if isolated and account.multi_assets:
        raise error_codes.ISOLATED_IN_MULTI_ASSETS()
    positions = account.positions_of(symbol)
    if positions[0].isolated == isolated:
        raise error_codes.SAME_MARGIN_TYPE()
    if any(position.amount for position in positions):
        raise error_codes.MARGIN_TYPE_POSITION()
    if account.busy(symbol):
        raise error_codes.MARGIN_TYPE_ORDERS()
    for position in positions:
        position.isolated = isolated


def move_margin(
    core: UsdmCore, account: UsdmAccount, symbol: str, side: str, amount: Decimal
) -> UsdmPosition:
    """Add margin to an isolated position, or take away what its initial margin does not need."""
    core.market(symbol)
    if side not in account.sides:
        raise error_codes.POSITION_SIDE()
    position = account.position(symbol, side)
    if not position.isolated:
        raise error_codes.MARGIN_NOT_ISOLATED()
    if not position.amount:
        raise error_codes.MARGIN_NO_POSITION()
    if amount > margin.available(core, account):
        raise error_codes.CROSS_BALANCE()
    kept = position.isolated_wallet + min(ZERO, margin.unrealised(core, position)) + amount
    if amount < 0 and kept < margin.initial(core, position):
        raise error_codes.ISOLATED_BALANCE()
    position.isolated_wallet += amount
    account.margin_moves.append(MarginMove(symbol, side, amount, core.now))
    core.record_account(account, "MARGIN_TRANSFER", ZERO, (position,))
    return position


def set_multi_assets(account: UsdmAccount, *, multi: bool) -> None:
    """Change the assets mode; USDT is the only margin here, so that nothing else changes."""
    if account.multi_assets == multi:
        raise error_codes.SAME_ASSETS_MODE()
    if multi and any(position.isolated for position in account.positions.values()):
        raise error_codes.MULTI_ASSETS_ISOLATED()
    account.multi_assets = multi


def set_hedge_mode(core: UsdmCore, account: UsdmAccount, *, hedge: bool) -> None:
    """Change the position mode of all symbols while flat and without orders."""
    if account.hedge == hedge:
        raise error_codes.SAME_POSITION_SIDE()
    if account.open_orders or account.open_algos:
        raise error_codes.POSITION_MODE_ORDERS()
    if any(position.amount for position in account.positions.values()):
        raise error_codes.POSITION_MODE_POSITION()
    account.hedge = hedge
    for position in list(account.positions.values()):
        # The sides of the other mode keep leverage and margin type.
        for other in account.positions_of(position.symbol):
            other.leverage, other.isolated = position.leverage, position.isolated
    core.events.append(ModeChanged(account.name, core.now, hedge))
